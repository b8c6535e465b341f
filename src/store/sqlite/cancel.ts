/**
 * Cancels topics. The first transaction closes the topic: nothing of it is claimed any more, and nothing is added. Each further one
 * cancels a part of its messages. When a process dies in between, `topic.cancelling_at` tells, and the next `cancel`, `retry` or
 * opening of the job, or a chore of a service, cancels the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { NO_TOPIC } from "../../message.ts";
import type { Topics } from "../store.ts";
import { type Job, transaction } from "./connection.ts";
import { finishJoining, IS_JOINED } from "./joining.ts";
import { createInPart, createRangeWalk, type Range } from "./ranges.ts";
import { finishTimes } from "./moving.ts";
import { createCounters } from "./state-counters.ts";
import { topicIdOf } from "./topic-ids.ts";

/** A cancelling that is under way. */
interface Cancelling {
  topicId: number;
  /** When the topic was cancelled, which tells this from a later time; null: mail without a topic is never closed. */
  cancelledAt: number | null;
}

interface Counts {
  pending: number;
  sending: number;
}

/** A topic right after it was closed. */
type Closed = Counts & { isJoined: 0 | 1 };

/** Makes `Topics.cancel`. */
export function createCancel(job: Job): Topics["cancel"] {
  return async (topic) => {
    const { pending, sending, isJoined, ...cancelling } = await transaction(job, () => close(job, topic));
    return pending === 0 && isJoined === 0 ? { cancelled: 0, inFlight: sending } : sweep(job, cancelling);
  };
}

/**
 * Cancels the rest of a topic whose cancelling was begun. Whoever opens it again must do so first, or the rest would leave. A signal
 * leaves the rest to others.
 */
export async function finishCancel(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  const row = job.db
    .prepare<[number], { cancelledAt: number | null }>(
      "select cancelled_at as cancelledAt from topic where id = ? and cancelling_at is not null",
    )
    .get(topicId);
  if (row !== undefined) await sweep(job, { topicId, ...row }, signal);
}

function close({ db, clock }: Job, topic: string): Cancelling & Closed {
  const topicId = topicIdOf(db, topic);
  // Mails without a topic are not related, so cancelling those that wait must not refuse later ones.
  if (topic !== NO_TOPIC)
    db.prepare(
      `update topic as t set cancelled_at = ifnull(cancelled_at, @now),
         cancelling_at = iif(pending > 0 or ${IS_JOINED}, @now, null)
       where id = @topicId`,
    ).run({ topicId, now: clock.now() });
  const read = db.prepare<[number], Omit<Cancelling & Closed, "topicId">>(
    `select cancelled_at as cancelledAt, pending, sending, ${IS_JOINED} as isJoined from topic t where id = ?`,
  );
  const row = read.get(topicId);
  if (row === undefined) throw new Error("a topic that is gone");
  return { topicId, ...row };
}

async function sweep(
  job: Job,
  cancelling: Cancelling,
  signal?: AbortSignal,
): Promise<{ cancelled: number; inFlight: number }> {
  await finishJoining(job, cancelling.topicId, signal);
  // A retry brings all of it back for one time.
  await finishTimes(job, cancelling.topicId, signal);
  const swept = { cancelled: 0, inFlight: 0 };
  const cancelPart = createCancelPart(job, cancelling);
  const walk = createRangeWalk(job.db, [cancelling.topicId], ["pending"]);
  const inPart = createInPart(job);
  for (let goesOn = true; goesOn;) {
    // Where nothing is left the part says so.
    goesOn = await walk.find();
    if (signal?.aborted === true) throw new InterruptedError();
    const done = await inPart(walk, cancelPart);
    // Another process has done it or has opened the topic again.
    if (done === null) break;
    swept.cancelled += done.cancelled;
    swept.inFlight = done.sending;
    if (done.pending === 0) break;
  }
  return swept;
}

/** Makes what cancels a part, inside a transaction. It returns null when this cancelling is over. */
function createCancelPart(
  { db, clock }: Job,
  { topicId, cancelledAt }: Cancelling,
): (ranges: readonly Range[]) => (Counts & { cancelled: number }) | null {
  const counters = createCounters(db);
  const goesOn = db.prepare<[number, number, number]>(
    "update topic set cancelling_at = ? where id = ? and cancelled_at = ? and cancelling_at is not null",
  );
  const cancel = db.prepare<[number, number, number]>(
    "update message set state = 'cancelled' where id between ? and ? and topic_id = ? and state = 'pending'",
  );
  const counts = db.prepare<[number], Counts>("select pending, sending from topic where id = ?");
  const isOver = db.prepare<[number]>("update topic set cancelling_at = null where id = ?");
  return (ranges) => {
    if (cancelledAt !== null && goesOn.run(clock.now(), topicId, cancelledAt).changes === 0) return null;
    counters.begin();
    const cancelled = ranges.reduce((sum, { first, last }) => sum + cancel.run(first, last, topicId).changes, 0);
    counters.move(topicId, "pending", "cancelled", cancelled);
    counters.write();
    const left = counts.get(topicId) ?? { pending: 0, sending: 0 };
    if (left.pending === 0) isOver.run(topicId);
    return { cancelled, ...left };
  };
}
