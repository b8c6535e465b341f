/**
 * Puts a long list into a new topic, in parts that hold nobody up, and as a whole for everybody else.
 *
 * 1. A short transaction takes an id for the topic, keeps ids for the messages, and notes in table `arriving` that they are on their way.
 * 2. Recipients are added in the order of their addresses, then messages in the order of the list. They have the id of a topic that does
 *    not exist. So no look, walk or sum finds them: all of them begin with a topic. What finds a message by its address knows of
 *    `arriving`: who suppresses an address suppresses these messages, too, and their counters are kept there.
 * 3. A short transaction asks the topic once more. If there is still none of its name, it is made, with these counters. With that the
 *    whole list is there.
 *
 * Recipients come first: an address that is suppressed meanwhile has its message already, and that is suppressed, or gets it later,
 * and then it is so from the beginning. When it fails or the process is killed, what is there is removed (./arrivals.ts).
 */
import { createParts } from "../parts.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ListCounts, ListTarget } from "../rows.ts";
import { createArrivals, createOwnParts, type Arrival, dropArrival } from "./arrivals.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { addIngest, addMessages, type ListRows, listRowsOf } from "./list-rows.ts";
import type { ListTopics } from "./list-topics.ts";
import { PART_SIZES } from "./ranges.ts";
import type { StagedRows } from "./staged-rows.ts";
import { createCounters } from "./state-counters.ts";
import { createWritersWatch } from "./writers-watch.ts";

/** Nothing comes of it: another topic has the name now, or others took us for dead. What is there has to be removed. */
class InVain extends Error {
  override name = "InVain";
}

/**
 * Puts the staged rows into their topic, which must be new. Null, and nothing is done: it exists. Rejects with TopicRefusedError when the
 * topic may not take the list, and InterruptedError when a signal came; nothing of the list is there then.
 */
export async function addToNewTopic(
  job: Job,
  topics: ListTopics,
  target: ListTarget,
  rows: StagedRows,
): Promise<ListCounts | null> {
  for (;;) {
    if (!topics.isNew(target)) return null;
    rows.sort();
    const begun = await transaction(job, () => begin(job, topics, target, rows.count));
    if (begun === null) return null;
    try {
      return await fill(job, topics, target, { ...begun, staged: rows.count });
    } catch (error) {
      // What cannot be removed now, because the disk is full for example, the next opening of the file removes.
      await dropArrival(job, begun.arrival, createOwnParts(job)).catch(() => undefined);
      if (!(error instanceof InVain)) throw error;
    }
  }
}

interface Filling {
  arrival: Arrival;
  list: ListRows;
}

function begin(job: Job, topics: ListTopics, target: ListTarget, count: number): Filling | null {
  const { db, clock } = job;
  // Another process may have made it meanwhile.
  if (!topics.isNew(target)) return null;
  const { topic, endpoint = null } = target;
  const arrival = createArrivals(job).begin({ ...topics.reserve(target), topic, endpoint, rows: count });
  const now = clock.now();
  const ingestId = addIngest(db, target, arrival, now);
  const { topicId, contentId, first } = arrival;
  return { arrival, list: listRowsOf(target, { topicId, contentId, ingestId, base: first - 1 }, now) };
}

async function fill(
  job: Job,
  topics: ListTopics,
  target: ListTarget,
  { arrival, list, staged }: Filling & { staged: number },
): Promise<ListCounts> {
  const { db } = job;
  const arrivals = createArrivals(job);
  const inParts = createParts(job.waiting.signal, PART_SIZES, createWritersWatch(db));
  /** Does `work` to the next rows. It gets how many, and returns false when there are no more. */
  const part = (work: (rows: number) => boolean): Promise<boolean> =>
    inParts((rows, begun) =>
      transaction(job, () => {
        begun();
        if (!arrivals.goesOn(arrival)) throw new InVain();
        return work(rows);
      }),
    );
  const recipients = createRecipientParts(db, arrival);
  while (await part(recipients.add));
  const messages = createMessageParts(db, list, { staged, areAllNew: recipients.added() === staged });
  while (await part(messages));
  return transaction(job, () => {
    if (!arrivals.goesOn(arrival) || !topics.isNew(target)) throw new InVain();
    return finish(job, topics, target, { arrival, list, staged });
  });
}

/** Makes what adds recipients, in the order of their addresses. */
function createRecipientParts(
  db: Connection,
  { topicId, first }: Arrival,
): { add(rows: number): boolean; added(): number } {
  type Place = { address: string; id: number };
  const behind =
    "from staged.row indexed by by_address where (address, id) > (@address, @id) order by address, id limit";
  const end = db.prepare<[Place & { rows: number }], Place>(`select address, id ${behind} 1 offset @rows - 1`);
  // Sorted rows fill the tree from left to right, which is much faster than at random.
  const insert = db.prepare<[Place & { rows: number; topicId: number; base: number }]>(
    `insert into recipient (address, topic_id, variant, message_id)
     select address, @topicId, ${OWN_VARIANT}, @base + id from (select address, id ${behind} @rows) where true
     on conflict do nothing`,
  );
  let at: Place = { address: "", id: 0 };
  let added = 0;
  return {
    add(rows) {
      added += insert.run({ ...at, rows, topicId, base: first - 1 }).changes;
      const next = end.get({ ...at, rows });
      if (next !== undefined) at = next;
      return next !== undefined;
    },
    added: () => added,
  };
}

/** Makes what adds messages, in the order of the list, and counts them. */
function createMessageParts(
  db: Connection,
  list: ListRows,
  { staged, areAllNew }: { staged: number; areAllNew: boolean },
): (rows: number) => boolean {
  const counters = createCounters(db);
  let done = 0;
  return (rows) => {
    const range = { from: done + 1, to: Math.min(done + rows, staged) };
    const { added, suppressed } = addMessages(db, list, { table: "staged.row", ...range, areAllNew });
    counters.begin();
    counters.add(list.topicId, "pending", added - suppressed);
    counters.add(list.topicId, "suppressed", suppressed);
    counters.write();
    done = range.to;
    return done < staged;
  };
}

/** Makes the topic, inside a transaction. From its end on everybody sees the list. */
function finish(
  job: Job,
  topics: ListTopics,
  target: ListTarget,
  { arrival, list, staged }: Filling & { staged: number },
): ListCounts {
  const { db, clock } = job;
  const { topicId, first, last } = arrival;
  const arrivals = createArrivals(job);
  const arrived = arrivals.counts(arrival);
  topics.create(target, arrival);
  // What a rehearsal suppresses was kept back from the first message on.
  if (target.endpoint === "sandbox") db.prepare("update topic set endpoint = 'sandbox' where id = ?").run(topicId);
  const counters = createCounters(db);
  for (const [state, count] of Object.entries(arrived)) counters.add(topicId, state as keyof typeof arrived, count);
  counters.write();
  const total = Object.values(arrived).reduce((sum, count) => sum + count, 0);
  // Duplicates at the end of the list have no messages. The next list gets their ids, and ranges must not overlap.
  db.prepare(
    `update ingest set created_at = ?, last_id = ifnull((select max(id) from message where id between ? and ?), last_id)
     where id = ?`,
  ).run(clock.now(), first, last, list.ingestId);
  arrivals.end(arrival);
  return { added: total - arrived.suppressed, duplicates: staged - total, suppressed: arrived.suppressed };
}
