/**
 * Long lists that join a topic (`arriving.joins` in schema.ts). They are in, and nobody takes that back. But their recipients and messages
 * have the id of a topic that does not exist, and get that of the topic in parts: first the recipients, in the order of their addresses, so
 * that from then on the topic has nobody a second time; then the messages, in the order of the list, and with them the counters. Whoever
 * the topic got meanwhile stays, and the message of the list to the same address goes.
 *
 * The process that put the list in does that. When it is dead, who opens the job, a chore of a service or of a long `send` goes on.
 * And whoever is to change all messages of a topic does it first. Several processes may do it at once.
 */
import { setImmediate } from "node:timers/promises";
import { type State, STATES } from "../../message.ts";
import { createParts } from "../parts.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createHolders, type Holder } from "./processes.ts";
import { PART_SIZES } from "./ranges.ts";
import { type KeyRange, sweepRecipients, type SweepPart, WITHIN } from "./recipient-sweep.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createWritersWatch } from "./writers-watch.ts";

/** A list that joins. Its messages have ids from `first` to `last`. */
interface Joining {
  /** The id that it has so far. */
  id: number;
  /** The topic that it joins. */
  topicId: number;
  first: number;
  last: number;
}

const ROW = "select topic_id as id, joins as topicId, first_id as first, last_id as last, * from arriving";

/** True in SQL for topic `t` when a list joins it. */
export const IS_JOINED = "exists (select 1 from arriving where joins = t.id)";

/** True when a list joins the topic. */
export function isJoined(db: Connection, topicId: number): boolean {
  return db.prepare<[number]>("select 1 from arriving where joins = ?").get(topicId) !== undefined;
}

/**
 * Moves what joins a topic; null: what joins any. What begins to join later is not waited for. Rejects with InterruptedError when the signal
 * aborts; others do the rest then.
 */
export async function finishJoining(
  job: Job,
  topicId: number | null,
  signal: AbortSignal = job.waiting.hardSignal,
): Promise<void> {
  const some = job.db.prepare<[{ topicId: number | null }], Joining>(
    `${ROW} where joins is not null and joins = ifnull(@topicId, joins) order by id`,
  );
  for (const row of some.all({ topicId })) await move(job, row, signal);
}

/** Moves what joins topics where the process that put it in is dead. A signal leaves the rest to others. */
export async function finishDeadJoinings(job: Job, signal: AbortSignal): Promise<void> {
  const { isDead } = createHolders(job.clock);
  const all = job.db.prepare<[], Joining & Holder>(`${ROW} where joins is not null order by id`).all();
  for (const row of all.filter(isDead)) await move(job, row, signal);
}

async function move(job: Job, list: Joining, signal: AbortSignal): Promise<void> {
  const { db } = job;
  const counters = createCounters(db);
  const goesOn = createGoesOn(job, list);
  const inParts = createParts(signal, PART_SIZES, createWritersWatch(db));
  const inPart: SweepPart = (work) =>
    inParts((rows, begun) =>
      transaction(
        job,
        () => {
          begun();
          if (!goesOn()) return "ended";
          counters.begin();
          work(rows);
          counters.write();
          return "goes on";
        },
        { isPatient: true },
      ),
    );
  await sweepRecipients(db, `topic_id = ${list.id}`, inPart, createRecipientMove(db, list, counters));
  await moveMessages(db, list, counters, inPart);
  const end = createEnd(db, list, counters);
  await inPart(end);
}

/** Makes what notes that this process works on the list. It returns false when another one has moved all of it. */
function createGoesOn({ db, clock }: Job, { id, first }: Joining): () => boolean {
  const { mine } = createHolders(clock);
  // Its ids tell this list from a later one that has the same id.
  const hold = db.prepare<[Pick<Joining, "id" | "first"> & Holder]>(
    `update arriving set host = @host, pid = @pid, origin = @origin, boot = @boot, process_table = @process_table,
       renewed_mono = @renewed_mono, lease_until = @lease_until
     where topic_id = @id and first_id = @first and joins is not null`,
  );
  return () => hold.run({ id, first, ...mine() }).changes > 0;
}

/** Makes what gives the recipients in a range to the topic. */
function createRecipientMove(db: Connection, { id, topicId }: Joining, counters: Counters): (range: KeyRange) => void {
  type Where = KeyRange & { id: number; into: number };
  const of = `from recipient where ${WITHIN} and topic_id = @id`;
  const isThere = `exists (select 1 from recipient t
    where t.address = recipient.address and t.topic_id = @into and t.variant = ${OWN_VARIANT})`;
  const doubles = db.prepare<[Where], number>(`select message_id ${of} and ${isThere}`).pluck();
  const drop = db.prepare<[Where]>(`delete ${of} and ${isThere}`);
  const dropMessage = db
    .prepare<[number, number], State>("delete from message where id = ? and topic_id = ? returning state")
    .pluck();
  const give = db.prepare<[Where]>(`update recipient set topic_id = @into where ${WITHIN} and topic_id = @id`);
  return (range) => {
    const where = { ...range, id, into: topicId };
    const messages = doubles.all(where);
    for (const message of messages) {
      const state = dropMessage.get(message, id);
      // Somebody who was forgotten has no message any more.
      if (state !== undefined) counters.add(id, state, -1);
    }
    if (messages.length > 0) drop.run(where);
    give.run(where);
  };
}

/** How many ids are looked at without a lock. */
const STEP = 20_000;

/** Gives the messages to the topic. */
async function moveMessages(
  db: Connection,
  { id, topicId, first, last }: Joining,
  counters: Counters,
  inPart: SweepPart,
): Promise<void> {
  const next = db
    .prepare<[number, number, number], number>(
      "select id from message where id between ? and ? and topic_id = ? order by id limit 1",
    )
    .pluck();
  const count = db.prepare<[number, number, number], { state: State; messages: number }>(
    "select state, count(*) as messages from message where id between ? and ? and topic_id = ? group by state",
  );
  const give = db.prepare<[number, number, number, number]>(
    "update message set topic_id = ? where id between ? and ? and topic_id = ?",
  );
  for (let from = first; from <= last; await setImmediate()) {
    const stepEnd = Math.min(last, from + STEP - 1);
    const found = next.get(from, stepEnd, id);
    if (found === undefined) {
      from = stepEnd + 1;
      continue;
    }
    const state = await inPart((rows) => {
      const to = Math.min(last, found + rows - 1);
      for (const { state: each, messages } of count.all(found, to, id)) {
        counters.add(id, each, -messages);
        counters.add(topicId, each, messages);
      }
      give.run(topicId, found, to, id);
      from = to + 1;
    });
    if (state === "ended") return;
  }
}

/** Makes what ends it: the topic counts what was removed of the list (`removed`), and the list is no longer on its way. */
function createEnd(db: Connection, { id, topicId }: Joining, counters: Counters): () => void {
  const left = db.prepare<[number], Record<State, number>>(
    `select ${STATES.join(", ")} from arriving where topic_id = ?`,
  );
  const note = db.prepare<[number, number]>(
    `insert into removed (topic_id, state, messages) select ?, state, messages from removed where topic_id = ?
     on conflict do update set messages = messages + excluded.messages`,
  );
  const ends = ["removed", "arriving"].map((table) => db.prepare<[number]>(`delete from ${table} where topic_id = ?`));
  return () => {
    const counts = left.get(id);
    for (const state of STATES) counters.add(topicId, state, counts?.[state] ?? 0);
    note.run(topicId, id);
    for (const each of ends) each.run(id);
  };
}
