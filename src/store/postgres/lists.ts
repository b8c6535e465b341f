/**
 * Puts lists of recipients into the database.
 *
 * A million rows must not hold up those who send, so all that takes long is done without the writer lock, in a transaction that
 * nobody sees into. This is its order, and why it is safe:
 *
 * 1. The rows are staged (./staged-rows.ts), outside of any transaction.
 * 2. The topic is asked, and a short write transaction keeps the content and reserves a block of message ids. An id is needed before
 *    its row is written, and an uncommitted row of `content` or `job` would make every other writer wait. When the list comes to
 *    nothing after that, a content that nobody uses and a gap in the ids are left.
 * 3. The topic is locked by its name, `exclusive`. Who adds recipients by a request takes the same lock `shared`, before the writer
 *    lock. So nobody else adds to this topic, sets it aside under another name, or meets our uncommitted rows in a unique index while
 *    he holds the writer lock.
 * 4. The topic is asked again, and recipients and messages are written. A topic that does not exist yet gets an id only: its row
 *    would be uncommitted for long, and a request that gives a rehearsal this very name would wait for it with the writer lock in
 *    hand. The same goes for the row of `ingest`.
 * 5. With the writer lock, everything that others may have changed is asked once more. The topic may be cancelled or have another
 *    content by now: then it refuses the list, and all of it is rolled back. It may exist by now, because a rehearsal was given its
 *    name: then we begin again. Addresses suppressed meanwhile are found from the side of the suppressions, the newest first and not
 *    more than some thousands; whom that misses, the claim finds. Then the rows of the topic, of `ingest` and the counters are
 *    written, which takes some milliseconds.
 *
 * Nothing of it is seen before the commit, so a list is in the database as a whole or not at all.
 */
import type { ListCounts, ListTarget } from "../rows.ts";
import type { Lists, Staging } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { findContent, keepContent, keepContentAs, written } from "./contents.ts";
import { turnTo } from "./endpoints.ts";
import { forecast } from "./forecast.ts";
import { type Filled, fill, type Reserved, suppressLate } from "./list-rows.ts";
import { admittedTopic, createTopic, retimeTopic, updateTopic } from "./list-topics.ts";
import { finishContent } from "./moving.ts";
import { notify } from "./notify.ts";
import { reserveMessageIds } from "./numbering.ts";
import { createStagedRows, type StagedRows } from "./staged-rows.ts";
import { createCounters } from "./state-counters.ts";

/** So many suppressions at most are looked at with the writer lock. */
const FEW = 2_000;

/** Makes the part of the store that takes lists in. */
export function createLists(job: Job): Lists {
  return {
    async stage(): Promise<Staging> {
      const rows = createStagedRows(job);
      return {
        add: (staged) => rows.add(staged),
        async forecast(topic, mail = {}) {
          await rows.flush();
          return forecast(job, rows, topic, mail);
        },
        async commit(target) {
          await rows.flush();
          const counts = await merge(job, target, rows);
          // The list is in. Of a long topic the messages that were there before get its content now.
          await finishContentOf(job, target);
          if (counts.added > 0 && target.notBefore === null) notify(job);
          await rows.discard();
          return counts;
        },
        discard: () => rows.discard(),
      };
    },
    checkList: (target) => check(job, target),
  };
}

async function check(job: Job, target: Parameters<Lists["checkList"]>[0]): Promise<void> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  await admittedTopic(ask, target, await findContent(ask, written(target.content)));
}

async function finishContentOf(job: Job, { topic }: ListTarget): Promise<void> {
  const [row] = await read<{ id: number }>(job, "select id from sm.topic where name = $1 and moving_at is not null", [
    topic,
  ]);
  if (row !== undefined) await finishContent(job, row.id);
}

async function merge(job: Job, target: ListTarget, rows: StagedRows): Promise<ListCounts> {
  await check(job, target);
  const reserved = await transaction(job, (tx) => reserve(tx, target, rows.count));
  let filled: Filled | null = null;
  return transaction(
    job,
    (tx) => {
      if (filled === null) throw new Error("nothing was written before the lock");
      return finish(tx, target, reserved, filled, rows.count);
    },
    {
      topics: { names: [target.topic], mode: "exclusive" },
      statementMs: 0,
      before: async (tx) => void (filled = await fill(job, tx, target, { ...reserved, rows })),
    },
  );
}

async function reserve(tx: Tx, { content }: ListTarget, count: number): Promise<Reserved> {
  const [contentId, first] = await Promise.all([keepContent(tx, written(content)), reserveMessageIds(tx, count)]);
  return { contentId, first, last: first + count - 1 };
}

/** Writes the rest, with the writer lock: whatever others look at. */
async function finish(
  tx: Tx,
  target: ListTarget,
  { contentId }: Reserved,
  filled: Filled,
  count: number,
): Promise<ListCounts> {
  const { topicId, added } = filled;
  await keepContentAs(tx, contentId, written(target.content));
  // Nobody else has added anything to the topic since its recipients were written.
  const topic = await admittedTopic(tx.query, target, contentId, filled.topic);
  if ((topic?.id ?? null) !== (filled.topic?.id ?? null)) throw new TopicChanged();
  if (topic === null) await createTopic(tx, target, { id: topicId, contentId });
  else await updateTopic(tx, topic, target, contentId);
  // A topic that was there for the real thing becomes a rehearsal with the first mail that leaves, not by being looked at.
  if (added === 0) return { added: 0, duplicates: count, suppressed: 0 };
  const late = await suppressLate(tx, filled, target, filled.since, FEW);
  const suppressed = filled.suppressed + late;
  if (added > suppressed) await retimeTopic(tx, topicId, target);
  const counters = createCounters();
  if (target.endpoint === "sandbox") await turnTo(tx, counters, [topicId], "sandbox");
  counters.add(topicId, "pending", added - suppressed);
  counters.add(topicId, "suppressed", suppressed);
  await Promise.all([insertIngest(tx, target, filled), counters.write(tx)]);
  return { added: added - suppressed, duplicates: count - added, suppressed };
}

/** Another topic has the name than when its recipients were written, so all of it is done again. */
class TopicChanged extends Error {
  // As the server says of transactions that have to be repeated.
  readonly code = "40001";

  constructor() {
    super("another topic has this name now");
  }
}

function insertIngest(
  tx: Tx,
  { file, columns }: ListTarget,
  { topicId, ingestId, first, last }: Filled,
): Promise<number> {
  return tx.run(
    `insert into sm.ingest (id, topic_id, file, columns, first_id, last_id, created_at) overriding system value
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [ingestId, topicId, file, JSON.stringify(columns), first, last, tx.now.wall],
  );
}
