/** Contents that the gateway gave to messages of a topic beside the topic's own. */
import { OWN_VARIANT } from "../rules/variant.ts";
import type { Connection } from "./connection.ts";
import { createLastIdReader } from "./numbering.ts";

/** True in SQL when the gateway gave message `m` another content than the topic's own. It stays so. */
export const IS_VARIANT = `not exists (select 1 from recipient r
  where r.address = lower(m.email) and r.topic_id = m.topic_id and r.variant = ${OWN_VARIANT} and r.message_id = m.id)`;

/**
 * Makes a function that says whether a topic has messages with this content beside its own. It remembers up to which message it found
 * none, and these keep their contents: who asks before a transaction waits only once for a long topic.
 */
export function createVariantCheck(db: Connection): (topicId: number, contentId: number) => boolean {
  const readLastId = createLastIdReader(db);
  const rangesOf = db.prepare<[number, number], { first: number; last: number }>(
    "select first_id as first, last_id as last from ingest where topic_id = ? and last_id > ?",
  );
  const some = db.prepare<[number, number, number, number]>(
    `select 1 from message m where m.id between ? and ? and m.topic_id = ? and m.content_id = ? and ${IS_VARIANT} limit 1`,
  );
  let known = { topicId: 0, contentId: 0, upTo: 0 };
  return (topicId, contentId) => {
    const upTo = readLastId();
    const after = known.topicId === topicId && known.contentId === contentId ? known.upTo : 0;
    const found = rangesOf
      .all(topicId, after)
      .some(({ first, last }) => some.get(Math.max(first, after + 1), last, topicId, contentId) !== undefined);
    if (!found) known = { topicId, contentId, upTo };
    return found;
  };
}
