/**
 * Puts a long list into a topic, in parts that hold nobody up, and as a whole or not at all.
 *
 * 1. A short transaction takes an id for the topic, keeps ids for the messages, and notes in table `arriving` that they are on their way.
 * 2. Recipients are added in the order of their addresses, then messages in the order of the list. They have the id of a topic that does
 *    not exist. So no look, walk or sum finds them: all of them begin with a topic. What finds a message by its address knows of
 *    `arriving`: who suppresses an address suppresses these messages, too, and their counters are kept there.
 * 3. A short transaction asks the topic once more. If there is still none of its name, it is made, with these counters. With that the
 *    whole list is there. Of a list for a topic that exists, only those are added in step 2 whom it does not have. If it still takes the
 *    list, this transaction notes that the list joins it, and from then on the list is in: it is moved to the topic (./joining.ts).
 *
 * Recipients come first: an address that is suppressed meanwhile has its message already, and that is suppressed, or gets it later,
 * and then it is so from the beginning. When it fails or the process is killed before step 3, what is there is removed (./arrivals.ts).
 */
import { setImmediate } from "node:timers/promises";
import { createParts } from "../parts.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ListCounts, ListTarget } from "../rows.ts";
import { createArrivals, createOwnParts, type Arrival, dropArrival } from "./arrivals.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { enterRehearsal } from "./endpoints.ts";
import { finishJoining, isJoined } from "./joining.ts";
import { addIngest, addMessages, type ListRows, listRowsOf } from "./list-rows.ts";
import type { ListTopics } from "./list-topics.ts";
import { carryOut } from "./moving.ts";
import { PART_SIZES } from "./ranges.ts";
import type { StagedRows } from "./staged-rows.ts";
import { createCounters } from "./state-counters.ts";
import { createWritersWatch } from "./writers-watch.ts";

/** How many ids are counted without a pause. */
const COUNT_STEP = 20_000;

/** Nothing comes of it: the name means something else now, or others took us for dead. What is there has to be removed. */
class InVain extends Error {
  override name = "InVain";
}

/**
 * Puts the staged rows into the topic with the id `into`, or into a new one when that is null. Null, and nothing is done: that is not the
 * topic of this name, or no longer. Rejects with TopicRefusedError when the topic may not take the list; nothing of the list is there
 * then. Rejects with InterruptedError when a signal came: nothing of the list is there, or, at the second signal, all of it.
 */
export async function addLongList(
  job: Job,
  topics: ListTopics,
  target: ListTarget,
  { rows, into }: { rows: StagedRows; into: number | null },
): Promise<ListCounts | null> {
  rows.sort();
  const begun = await transaction(job, () => begin(job, topics, target, { count: rows.count, into }));
  if (begun === null) return null;
  try {
    await fill(job, begun);
    return await (into === null ? found(job, topics, target, begun) : join(job, topics, target, { ...begun, into }));
  } catch (error) {
    // What cannot be removed now, because the disk is full for example, the next opening of the file removes.
    await dropArrival(job, begun.arrival, createOwnParts(job)).catch(() => undefined);
    if (!(error instanceof InVain)) throw error;
    return null;
  }
}

interface Filling {
  arrival: Arrival;
  list: ListRows;
  staged: number;
  /** The topic that has some of the addresses; null: the list is for a new one. */
  into: number | null;
}

function begin(
  job: Job,
  topics: ListTopics,
  target: ListTarget,
  { count, into }: { count: number; into: number | null },
): Filling | null {
  const { db, clock } = job;
  // Another process may have made it meanwhile.
  if (topics.find(target) !== into) return null;
  const { topic, endpoint = null } = target;
  const arrival = createArrivals(job).begin({ ...topics.reserve(target), topic, endpoint, rows: count });
  const now = clock.now();
  const ingestId = addIngest(db, target, arrival, now);
  const { topicId, contentId, first } = arrival;
  return {
    arrival,
    list: listRowsOf(target, { topicId, contentId, ingestId, base: first - 1 }, now),
    staged: count,
    into,
  };
}

/** Adds recipients and messages that nobody sees. Rejects with InVain when others took us for dead. */
async function fill(job: Job, { arrival, list, staged, into }: Filling): Promise<void> {
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
  const recipients = createRecipientParts(db, arrival, into);
  while (await part(recipients.add));
  const messages = createMessageParts(db, list, { staged, areAllNew: recipients.added() === staged });
  while (await part(messages));
}

/** Makes the topic of what has arrived. */
function found(job: Job, topics: ListTopics, target: ListTarget, filling: Filling): Promise<ListCounts> {
  return transaction(job, () => {
    if (!createArrivals(job).goesOn(filling.arrival) || topics.find(target) !== null) throw new InVain();
    return finish(job, topics, target, filling);
  });
}

type Joining = Filling & { into: number };

/** Has the topic take what has arrived, and moves it there. */
async function join(job: Job, topics: ListTopics, target: ListTarget, joining: Joining): Promise<ListCounts> {
  const { into, staged } = joining;
  do {
    // Which lists a move concerns was decided when it began.
    await carryOut(job, into, () => true, job.waiting.signal);
    if (target.replaceContent) await finishJoining(job, into);
  } while (!(await transaction(job, () => decide(job, topics, target, joining))));
  await finishJoining(job, into);
  const { added, suppressed } = await countJoined(job.db, joining);
  return { added: added - suppressed, duplicates: staged - added, suppressed };
}

/** Notes that the list joins its topic, inside a transaction. False: something else has to be finished before. */
function decide(job: Job, topics: ListTopics, target: ListTarget, { arrival, list, into }: Joining): boolean {
  const { db } = job;
  const arrivals = createArrivals(job);
  if (!arrivals.goesOn(arrival) || topics.find(target) !== into) throw new InVain();
  const isMoving = db.prepare("select 1 from topic where id = ? and moving_at is not null").get(into) !== undefined;
  if (isMoving || (target.replaceContent && isJoined(db, into))) return false;
  const arrived = arrivals.counts(arrival);
  // The topic has all of it by now. A list that adds nobody changes nothing.
  if (Object.values(arrived).every((count) => count === 0)) throw new InVain();
  topics.open(target);
  if (target.endpoint === "sandbox") enterRehearsal(db, into);
  if (arrived.pending > 0) topics.retime(target, into);
  settleIngest(job, arrival, { ingestId: list.ingestId, topicId: into });
  arrivals.join(arrival, into);
  return true;
}

/** Counts what is in the topic of a list that has joined it, in steps without a lock. */
async function countJoined(
  db: Connection,
  { arrival: { first, last }, into }: Joining,
): Promise<{ added: number; suppressed: number }> {
  const count = db.prepare<[number, number, number], { added: number; suppressed: number }>(
    `select count(*) as added, ifnull(sum(state = 'suppressed'), 0) as suppressed
     from message where id between ? and ? and topic_id = ?`,
  );
  const sum = { added: 0, suppressed: 0 };
  for (let from = first; from <= last; from += COUNT_STEP) {
    const step = count.get(from, Math.min(last, from + COUNT_STEP - 1), into);
    sum.added += step?.added ?? 0;
    sum.suppressed += step?.suppressed ?? 0;
    await setImmediate();
  }
  return sum;
}

/** Makes what adds recipients, in the order of their addresses. */
function createRecipientParts(
  db: Connection,
  { topicId, first }: Arrival,
  into: number | null,
): { add(rows: number): boolean; added(): number } {
  type Place = { address: string; id: number };
  const behind =
    "from staged.row indexed by by_address where (address, id) > (@address, @id) order by address, id limit";
  const end = db.prepare<[Place & { rows: number }], Place>(`select address, id ${behind} 1 offset @rows - 1`);
  const isNew =
    into === null
      ? "true"
      : `not exists (select 1 from recipient r
           where r.address = n.address and r.topic_id = ${into} and r.variant = ${OWN_VARIANT})`;
  // Sorted rows fill the tree from left to right, which is much faster than at random.
  const insert = db.prepare<[Place & { rows: number; topicId: number; base: number }]>(
    `insert into recipient (address, topic_id, variant, message_id)
     select address, @topicId, ${OWN_VARIANT}, @base + id from (select address, id ${behind} @rows) n where ${isNew}
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
function finish(job: Job, topics: ListTopics, target: ListTarget, { arrival, list, staged }: Filling): ListCounts {
  const { db } = job;
  const { topicId } = arrival;
  const arrivals = createArrivals(job);
  const arrived = arrivals.counts(arrival);
  topics.create(target, arrival);
  // What a rehearsal suppresses was kept back from the first message on.
  if (target.endpoint === "sandbox") db.prepare("update topic set endpoint = 'sandbox' where id = ?").run(topicId);
  const counters = createCounters(db);
  for (const [state, count] of Object.entries(arrived)) counters.add(topicId, state as keyof typeof arrived, count);
  counters.write();
  const total = Object.values(arrived).reduce((sum, count) => sum + count, 0);
  settleIngest(job, arrival, list);
  arrivals.end(arrival);
  return { added: total - arrived.suppressed, duplicates: staged - total, suppressed: arrived.suppressed };
}

/** Gives the row of `ingest` its topic, the instant, and the last id that it has. */
function settleIngest(
  { db, clock }: Job,
  { first, last }: Arrival,
  { ingestId, topicId }: { ingestId: number; topicId: number },
): void {
  // Duplicates at the end of the list have no messages. The next list gets their ids, and ranges must not overlap.
  db.prepare(
    `update ingest set topic_id = ?, created_at = ?,
       last_id = ifnull((select max(id) from message where id between ? and ?), last_id)
     where id = ?`,
  ).run(topicId, clock.now(), first, last, ingestId);
}
