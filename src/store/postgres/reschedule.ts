/**
 * Gives the pending messages of a topic another time. The first transaction notes what is to be done: nothing of the topic is claimed until
 * all of it is. Each further one moves a part. When a process dies in between, `topic.moving_at` tells, and who opens the job, a chore
 * of a service or a `cancel` moves the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { NO_TOPIC } from "../../message.ts";
import { expiresAtSql } from "../common-sql.ts";
import { type Move, moveOf, textOfMove, timesOf } from "../move.ts";
import type { Reschedule } from "../rows.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import type { Topics } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { type Part, partsOf, partsWith, rangesOf, upTo } from "./ranges.ts";
import { tellWhen } from "./tell.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most get their time in one transaction, which takes about a tenth of a second. */
const SIZE = 5_000;

/** The same when each message has a time of its own, because their columns may be long. */
const PAGE = 2_000;

/** A move that is under way. */
interface Moving {
  topicId: number;
  /** `topic.moving_to`, which tells it from another one. */
  text: string;
}

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  return async (topic, when) =>
    topic === NO_TOPIC
      ? tellWhen(
          job,
          transaction(job, (tx) => moveAtOnce(tx, when, job.name)),
        )
      : sweep(job, await transaction(job, (tx) => begin(tx, topic, when, job.name)));
}

/** Moves the rest of a topic whose move was begun. A signal leaves the rest to others. */
export async function finishMove(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  const [row] = await read<{ text: string }>(
    job,
    "select moving_to as text from sm.topic where id = $1 and moving_at is not null",
    [topicId],
  );
  if (row !== undefined) await sweep(job, { topicId, ...row }, signal);
}

async function begin(tx: Tx, topic: string, when: Reschedule, database: string): Promise<Moving> {
  const topicId = await topicIdOf(tx.query, topic, database);
  const [newest] = await tx.query<{ last: number }>(
    "select coalesce(max(last_id), 0) as last from sm.ingest where topic_id = $1",
    [topicId],
  );
  const text = textOfMove({ ...when, last: newest?.last ?? 0, begunAt: tx.now.wall });
  const marked = await tx.run(
    `update sm.topic set not_before = $2::bigint, moving_at = $3::bigint, moving_to = $4
     where id = $1 and cancelled_at is null`,
    [topicId, when.notBefore || null, tx.now.wall, text],
  );
  if (marked === 0) throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: null });
  return { topicId, text };
}

const GOES_ON = "update sm.topic set moving_at = $3::bigint where id = $1 and moving_to = $2";
const IS_OVER = "update sm.topic set moving_at = null, moving_to = null where id = $1 and moving_to = $2";

async function sweep(job: Job, { topicId, text }: Moving, signal?: AbortSignal): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const move = moveOf(text);
  // A signal does not end what is begun.
  const patiently = <T>(work: (tx: Tx) => Promise<T>) => transaction(job, work, { isPatient: true });
  let moved = 0;
  for await (const part of pendingParts(ask, topicId, move)) {
    if (signal?.aborted === true) throw new InterruptedError();
    const done = await patiently(async (tx) => {
      const isOurs = (await tx.run(GOES_ON, [topicId, text, tx.now.wall])) > 0;
      return isOurs ? movePart(tx, part, move) : null;
    });
    // Another process has done it, or has begun to give the topic yet another time.
    if (done === null) return moved;
    moved += done;
  }
  await tellWhen(
    job,
    patiently((tx) => tx.run(IS_OVER, [topicId, text])),
  );
  return moved;
}

/**
 * Moves the mail without a topic. To claim nothing of it meanwhile would hold up mail that comes in, so nobody may see a part of it moved.
 */
async function moveAtOnce(tx: Tx, when: Reschedule, database: string): Promise<number> {
  const topicId = await topicIdOf(tx.query, NO_TOPIC, database);
  await tx.run("update sm.topic set not_before = $2::bigint where id = $1", [topicId, when.notBefore || null]);
  let moved = 0;
  for await (const part of pendingParts(tx.query, topicId, when)) moved += await movePart(tx, part, when);
  return moved;
}

async function* pendingParts(ask: Tx["query"], topicId: number, when: Reschedule | Move): AsyncGenerator<Part> {
  const ranges = await rangesOf(ask, [topicId]);
  const parts = partsOf("last" in when ? upTo(ranges, when.last) : ranges, when.times === null ? SIZE : PAGE);
  yield* partsWith(ask, parts, ["pending"]);
}

/** Returns how many messages it moved. */
async function movePart(tx: Tx, part: Part, when: Reschedule): Promise<number> {
  if (when.times === null) return moveAll(tx, part, when.notBefore);
  const timeOf = timesOf(when);
  const rows = await tx.query<{ id: number; fields: string; columns: string }>(
    `select m.id, m.fields, i.columns from sm.message m join sm.ingest i on i.id = m.ingest_id
     where ${part.has("m.id")} and m.state = 'pending' order by m.id`,
    [...part.values],
  );
  const times = rows.map(({ columns, fields }) => timeOf(columns, fields));
  return moveEach(
    tx,
    rows.map(({ id }) => id),
    times,
  );
}

/** The new times of message `m`: what was to expire after a span expires after it again. */
const times = (notBefore: string, now: string): string => `not_before = ${notBefore},
  expires_at = case when m.expires_in is null then m.expires_at else ${expiresAtSql(notBefore, "m.expires_in", now)} end`;

const open = (now: string): string => `m.state = 'pending' and (m.expires_at is null or m.expires_at > ${now})`;

const moveAll = (tx: Tx, part: Part, notBefore: number): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("$3::bigint", "$4::bigint")} where ${part.has("m.id")} and ${open("$4::bigint")}`,
    [...part.values, notBefore, tx.now.wall],
  );

const moveEach = (tx: Tx, ids: number[], to: number[]): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("n.at", "$3::bigint")} from unnest($1::bigint[], $2::bigint[]) n (id, at)
     where m.id = n.id and ${open("$3::bigint")}`,
    [ids, to, tx.now.wall],
  );
