/**
 * Gives the messages of a topic another time or another content, in parts. The first transaction notes what is to be done: nothing of
 * the topic is claimed until all of it is. Each further one does a part. When a process dies in between, `topic.moving_at` tells, and
 * who opens the job, a chore of a service or the next command about the topic does the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { type Begun, type Moves, movesOf, movesWith, reachOf } from "../move.ts";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createContentPart } from "./content-part.ts";
import { finishJoining } from "./joining.ts";
import { createInPart, createRangeWalk, type Range } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { createTimePart } from "./time-part.ts";

/** So many messages at most are in one part when each has a time of its own, because their columns may be long. */
const PAGE = 2_000;

/**
 * Notes that this is begun with a topic, beside what is under way with it, inside a transaction. Returns its `begunAt`, which tells it
 * from all that is begun before or after.
 */
export function noteMove({ db, clock }: { db: Connection; clock: Clock }, topicId: number, begun: Begun): number {
  const { text, begunAt } = movesWith(underWay(db, topicId), begun, clock.now());
  db.prepare<[number, string, number]>("update topic set moving_at = ?, moving_to = ? where id = ?").run(
    clock.now(),
    text,
    topicId,
  );
  return begunAt;
}

/** What is under way with a topic, as it is kept; null: nothing is. */
export function underWay(db: Connection, topicId: number): string | null {
  const read = db.prepare<[number], string>("select moving_to from topic where id = ? and moving_at is not null");
  return read.pluck().get(topicId) ?? null;
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
  for (let moved = 0; ;) {
    const text = underWay(job.db, topicId);
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

async function sweep(job: Job, topicId: number, text: string, signal: AbortSignal | undefined): Promise<number> {
  const { db, clock } = job;
  // What joined the topic before moves, too.
  await finishJoining(job, topicId, signal);
  const moves = movesOf(text);
  const movePart = createMovePart(job, moves);
  const goesOn = db.prepare<[number, number, string]>("update topic set moving_at = ? where id = ? and moving_to = ?");
  const isOver = db.prepare<[number, string]>(
    "update topic set moving_at = null, moving_to = null where id = ? and moving_to = ?",
  );
  const { last, states } = reachOf(moves);
  const walk = createRangeWalk(db, [topicId], states, last);
  const inPart = (moves.time?.times ?? null) === null ? createInPart(job) : createInPart(job, PAGE);
  let moved = 0;
  while (await walk.find()) {
    if (signal?.aborted === true) throw new InterruptedError();
    const done = await inPart(walk, (ranges) =>
      goesOn.run(clock.now(), topicId, text).changes > 0 ? movePart(ranges) : null,
    );
    // Another process has done it, or has begun something else with the topic.
    if (done === null) return moved;
    moved += done;
  }
  await transaction(job, () => isOver.run(topicId, text), { isPatient: true });
  return moved;
}

/** Makes what does all of it to some ranges, inside a transaction. It returns how many messages got their time. */
function createMovePart(job: Job, { time, content }: Moves): (ranges: readonly Range[]) => number {
  const counters = createCounters(job.db);
  const replace = createContentPart(job.db, counters);
  const retime = time === null ? null : createTimePart(job, time);
  return (ranges) => {
    counters.begin();
    if (content !== null) replace(content, ranges);
    counters.write();
    return retime?.(ranges.flatMap((range) => cut(range, time?.last ?? 0))) ?? 0;
  };
}

/** What of a range is not behind the id `last`: one range or none. */
function cut(range: Range, last: number): Range[] {
  return range.first > last ? [] : [{ ...range, last: Math.min(range.last, last) }];
}
