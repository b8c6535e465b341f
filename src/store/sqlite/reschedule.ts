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
import { type Job, transaction } from "./connection.ts";
import { finishJoining } from "./joining.ts";
import { createLastIdReader } from "./numbering.ts";
import { createInPart, createRangeWalk, type Range } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most are in one part when each has a time of its own, because their columns may be long. */
const PAGE = 2_000;
/** So many ids are looked at without a pause when all move at one moment. */
const STEP = 20_000;

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
      ? transaction(job, () => moveAtOnce(job, when))
      : sweep(job, await transaction(job, () => begin(job, topic, when)));
}

/** Moves the rest of a topic whose move was begun. A signal leaves the rest to others. */
export async function finishMove(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  const text = job.db
    .prepare<[number], string>("select moving_to from topic where id = ? and moving_at is not null")
    .pluck()
    .get(topicId);
  if (text !== undefined) await sweep(job, { topicId, text }, signal);
}

function begin({ db, clock }: Job, topic: string, when: Reschedule): Moving {
  const topicId = topicIdOf(db, topic);
  const text = textOfMove({ ...when, last: createLastIdReader(db)(), begunAt: clock.now() });
  const mark = db.prepare<[number | null, number, string, number]>(
    "update topic set not_before = ?, moving_at = ?, moving_to = ? where id = ? and cancelled_at is null",
  );
  if (mark.run(when.notBefore || null, clock.now(), text, topicId).changes === 0)
    throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: null });
  return { topicId, text };
}

async function sweep(job: Job, moving: Moving, signal?: AbortSignal): Promise<number> {
  const { db, clock } = job;
  // What joined the topic before moves, too.
  await finishJoining(job, moving.topicId, signal);
  const move = moveOf(moving.text);
  const movePart = createMovePart(job, move);
  const goesOn = db.prepare<[number, number, string]>("update topic set moving_at = ? where id = ? and moving_to = ?");
  const isOver = db.prepare<[number, string]>(
    "update topic set moving_at = null, moving_to = null where id = ? and moving_to = ?",
  );
  const walk = createRangeWalk(db, [moving.topicId], ["pending"], move.last);
  const inPart = move.times === null ? createInPart(job) : createInPart(job, PAGE);
  let moved = 0;
  while (await walk.find()) {
    if (signal?.aborted === true) throw new InterruptedError();
    const done = await inPart(walk, (ranges) => {
      const isOurs = goesOn.run(clock.now(), moving.topicId, moving.text).changes > 0;
      return isOurs ? movePart(ranges) : null;
    });
    // Another process has done it, or has begun to give the topic yet another time.
    if (done === null) return moved;
    moved += done;
  }
  await transaction(job, () => isOver.run(moving.topicId, moving.text), { isPatient: true });
  return moved;
}

/**
 * Moves the mail without a topic, inside a transaction. To claim nothing of it meanwhile would hold up mail that comes in, so nobody may see
 * a part of it moved.
 */
function moveAtOnce(job: Job, when: Reschedule): number {
  const { db } = job;
  const topicId = topicIdOf(db, NO_TOPIC);
  db.prepare<[number | null, number]>("update topic set not_before = ? where id = ?").run(
    when.notBefore || null,
    topicId,
  );
  const movePart = createMovePart(job, when);
  const walk = createRangeWalk(db, [topicId], ["pending"]);
  for (let moved = 0; ;) {
    const ranges = walk.take(STEP);
    if (ranges.length === 0) return moved;
    moved += movePart(ranges);
  }
}

const OPEN = `id between @first and @last and topic_id = @topicId and state = 'pending'
  and (expires_at is null or expires_at > @now)`;
type Where = Omit<Range, "columns"> & { now: number };

/** Makes what gives the messages in some ranges their time, inside a transaction. It returns how many there are. */
function createMovePart({ db, clock }: Job, when: Reschedule | Move): (ranges: readonly Range[]) => number {
  const set = `update message set not_before = @at,
    expires_at = iif(expires_in is null, expires_at, ${expiresAtSql("@at", "expires_in", "@now")})`;
  const all = db.prepare<[Where & { at: number }]>(`${set} where ${OPEN}`);
  const one = db.prepare<[{ id: number; at: number; now: number }]>(`${set} where id = @id`);
  const pending = db.prepare<[Where], { id: number; fields: string }>(`select id, fields from message where ${OPEN}`);
  const timeOf = timesOf(when);
  const move = ({ columns, ...range }: Range, now: number): number => {
    if (when.times === null) return all.run({ ...range, now, at: when.notBefore }).changes;
    const rows = pending.all({ ...range, now });
    for (const { id, fields } of rows) one.run({ id, at: timeOf(columns, fields), now });
    return rows.length;
  };
  return (ranges) => {
    const now = clock.now();
    return ranges.reduce((sum, each) => sum + move(each, now), 0);
  };
}
