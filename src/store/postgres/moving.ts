/**
 * Gives the messages of a topic another time or another content, in parts. The first transaction notes what is to be done: nothing of
 * the topic is claimed until all of it is. Each further one does a part. When a process dies in between, `topic.moving_at` tells, and
 * who opens the job, a chore of a service or the next command about the topic does the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { type Begun, type Moves, movesOf, movesWith, reachOf } from "../move.ts";
import { type Job, read } from "./connection.ts";
import { giveContent } from "./content-part.ts";
import { type Part, partsOf, partsWith, rangesOf, upTo } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { tellWhen } from "./tell.ts";
import { giveTimes } from "./time-part.ts";
import { transaction, type Tx } from "./transaction.ts";

/** So many messages at most get their time in one transaction, which takes about a tenth of a second. */
const SIZE = 5_000;

/** The same when each message has a time of its own, because their columns may be long, and when its content is replaced. */
export const PAGE = 2_000;

/**
 * Notes that this is begun with a topic, beside what is under way with it. Returns its `begunAt`, which tells it from all that is begun
 * before or after.
 */
export async function noteMove(tx: Tx, topicId: number, begun: Begun): Promise<number> {
  const { text, begunAt } = movesWith(await underWay(tx.query, topicId), begun, tx.now.wall);
  await tx.run("update sm.topic set moving_at = $2::bigint, moving_to = $3 where id = $1", [
    topicId,
    tx.now.wall,
    text,
  ]);
  return begunAt;
}

/** The newest message of a topic; 0: it has none. */
export async function lastIdOf(query: Tx["query"], topicId: number): Promise<number> {
  const [newest] = await query<{ last: number }>(
    "select coalesce(max(last_id), 0) as last from sm.ingest where topic_id = $1",
    [topicId],
  );
  return newest?.last ?? 0;
}

/** What is under way with a topic, as it is kept; null: nothing is. */
export async function underWay(query: Tx["query"], topicId: number): Promise<string | null> {
  const [row] = await query<{ text: string }>(
    "select moving_to as text from sm.topic where id = $1 and moving_at is not null",
    [topicId],
  );
  return row?.text ?? null;
}

/**
 * Does all that is under way with a topic for as long as `isWanted` says so of it. Others may do it as well, or begin something else
 * with the topic meanwhile. A signal leaves the rest to others. Returns how many messages got their time.
 */
export async function carryOut(
  job: Job,
  topicId: number,
  isWanted: (moves: Moves) => boolean,
  signal?: AbortSignal,
): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  for (let moved = 0; ;) {
    const text = await underWay(ask, topicId);
    if (text === null || !isWanted(movesOf(text))) return moved;
    // What was done by another text is done again, and is the same.
    moved = await sweep(job, topicId, text, signal);
  }
}

/** Does what was begun with the times of a topic, and what else is under way with it then. A signal leaves the rest to others. */
export async function finishTimes(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  await carryOut(job, topicId, ({ time }) => time !== null, signal);
}

/** The same of the content of a topic. */
export async function finishContent(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  await carryOut(job, topicId, ({ content }) => content !== null, signal);
}

const GOES_ON = "update sm.topic set moving_at = $3::bigint where id = $1 and moving_to = $2";
const IS_OVER = "update sm.topic set moving_at = null, moving_to = null where id = $1 and moving_to = $2";

async function sweep(job: Job, topicId: number, text: string, signal: AbortSignal | undefined): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const moves = movesOf(text);
  // A signal does not end what is begun.
  const patiently = <T>(work: (tx: Tx) => Promise<T>) => transaction(job, work, { isPatient: true });
  const { last, states } = reachOf(moves);
  const size = moves.content === null && moves.time?.times === null ? SIZE : PAGE;
  let moved = 0;
  for await (const part of partsWith(ask, partsOf(upTo(await rangesOf(ask, [topicId]), last), size), states)) {
    if (signal?.aborted === true) throw new InterruptedError();
    const done = await patiently(async (tx) => {
      const isOurs = (await tx.run(GOES_ON, [topicId, text, tx.now.wall])) > 0;
      return isOurs ? movePart(tx, topicId, part, moves) : null;
    });
    // Another process has done it, or has begun something else with the topic.
    if (done === null) return moved;
    moved += done;
  }
  await tellWhen(
    job,
    patiently((tx) => tx.run(IS_OVER, [topicId, text])),
  );
  return moved;
}

/** Does all of it to a part. Returns how many messages got their time. */
async function movePart(tx: Tx, topicId: number, part: Part, { time, content }: Moves): Promise<number> {
  const counters = createCounters();
  if (content !== null) await giveContent(tx, counters, part, topicId, content);
  await counters.write(tx);
  return time === null ? 0 : giveTimes(tx, part, time);
}
