/** Gives messages of a topic the content that the topic has. */
import type { State } from "../../message.ts";
import { prioritySql } from "../common-sql.ts";
import { type NewContent, UNSENT } from "../move.ts";
import { listed, type Part } from "./ranges.ts";
import type { Counters } from "./state-counters.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";
import type { Tx } from "./transaction.ts";
import { IS_VARIANT } from "./variants.ts";

const WITH = mailWith("$4::bigint");
const STOPPED = suppressedSql(lowerSql("m.email"), "(select t.endpoint from sm.topic t where t.id = m.topic_id)", WITH);
const UNSENT_STATES = UNSENT.map((state) => `'${state}'`).join(", ");

/**
 * Gives the messages of a part of a topic another content, and counts in `counters`. What waits for addresses that mail with this content may not be sent
 * to is suppressed. What was sent, is being sent or is in doubt keeps its content, and so does what the gateway gave another one.
 */
export async function giveContent(
  tx: Tx,
  counters: Counters,
  part: Part,
  topicId: number,
  { id: contentId, sifts }: Pick<NewContent, "id" | "sifts">,
): Promise<void> {
  const others = `${part.has("m.id")} and m.topic_id = $3 and m.content_id <> $4`;
  const values = [...part.values, topicId, contentId];
  const suppressed = sifts
    ? await tx.run(
        `update sm.message m set state = 'suppressed' where ${others} and m.state = 'pending' and ${STOPPED} and not ${IS_VARIANT}`,
        values,
      )
    : 0;
  await tx.run(
    `update sm.message m set content_id = $4, priority = ${prioritySql("m.priority", WITH.kind)}
     where ${others} and m.state in (${UNSENT_STATES}) and not ${IS_VARIANT}`,
    values,
  );
  counters.move(topicId, "pending", "suppressed", suppressed);
}

/** A message, and the state that it has now. `contentId` and `ownContentId` are the contents of the message and of its topic. */
export interface Returned {
  id: number;
  topicId: number;
  contentId: number;
  ownContentId: number;
  state: State;
}

/**
 * Gives those of these messages that were not sent after all the content that their topics may have got meanwhile, when they have their
 * new states, and counts in `counters`.
 */
export async function catchUp(tx: Tx, counters: Counters, messages: readonly Returned[]): Promise<void> {
  const byTopic = new Map<number, { ownContentId: number; ids: number[] }>();
  for (const { id, topicId, contentId, ownContentId, state } of messages) {
    if (contentId === ownContentId || !UNSENT.includes(state)) continue;
    const { ids } = byTopic.get(topicId) ?? { ids: [] };
    byTopic.set(topicId, { ownContentId, ids: [...ids, id] });
  }
  for (const [topicId, { ownContentId, ids }] of byTopic)
    await giveContent(tx, counters, listed(ids), topicId, { id: ownContentId, sifts: true });
}
