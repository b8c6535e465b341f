/** Contents that the gateway gave to messages of a topic beside the topic's own. */
import { OWN_VARIANT } from "../rules/variant.ts";
import { partsOf, rangesOf } from "./ranges.ts";
import { lowerSql } from "./suppressed.ts";
import type { Tx } from "./transaction.ts";

/** True in SQL when the gateway gave message `m` another content than the topic's own. It stays so. */
export const IS_VARIANT = `not exists (select 1 from sm.recipient r
  where r.address = ${lowerSql("m.email")} and r.topic_id = m.topic_id and r.variant = ${OWN_VARIANT} and r.message_id = m.id)`;

/** So many ids one statement looks at. */
const SIZE = 20_000;

/** True when the topic has messages with this content beside its own. */
export async function hasVariant(query: Tx["query"], topicId: number, contentId: number): Promise<boolean> {
  for (const part of partsOf(await rangesOf(query, [topicId]), SIZE)) {
    const [row] = await query<{ found: boolean }>(
      `select exists (select 1 from sm.message m
         where ${part.has("m.id")} and m.topic_id = $3 and m.content_id = $4 and ${IS_VARIANT}) as found`,
      [...part.values, topicId, contentId],
    );
    if (row?.found === true) return true;
  }
  return false;
}
