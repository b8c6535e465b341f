/**
 * Cancels topics. The first transaction closes the topic: nothing of it is claimed any more, and nothing is added. Each further one
 * cancels a part of its messages. When a process dies in between, `topic.cancelling_at` tells, and the next `cancel`, `retry` or
 * opening of the job, or a chore of a service, cancels the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { NO_TOPIC } from "../../message.ts";
import type { Topics } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { type Part, partsOf, partsWith, rangesOf } from "./ranges.ts";
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

/** So many messages at most are cancelled in one transaction, which takes about a tenth of a second. */
const SIZE = 5_000;

/** Makes `Topics.cancel`. */
export function createCancel(job: Job): Topics["cancel"] {
  return async (topic) => {
    const { pending, sending, ...cancelling } = await transaction(job, (tx) => close(tx, topic, job.name));
    return pending === 0 ? { cancelled: 0, inFlight: sending } : sweep(job, cancelling);
  };
}

/**
 * Cancels the rest of a topic whose cancelling was begun. Whoever opens it again must do so first, or the rest would leave. A signal
 * leaves the rest to others.
 */
export async function finishCancel(job: Job, topicId: number, signal?: AbortSignal): Promise<void> {
  const [row] = await read<{ cancelledAt: number | null }>(
    job,
    `select cancelled_at as "cancelledAt" from sm.topic where id = $1 and cancelling_at is not null`,
    [topicId],
  );
  if (row !== undefined) await sweep(job, { topicId, ...row }, signal);
}

async function close(tx: Tx, topic: string, database: string): Promise<Cancelling & Counts> {
  const topicId = await topicIdOf(tx.query, topic, database);
  // Mails without a topic are not related, so cancelling those that wait must not refuse later ones.
  if (topic === NO_TOPIC) return { topicId, cancelledAt: null, ...(await countsOf(tx, topicId)) };
  const [row] = await tx.query<Omit<Cancelling & Counts, "topicId">>(
    `update sm.topic t set cancelled_at = coalesce(t.cancelled_at, $2), cancelling_at = case when c.pending > 0 then $2::bigint end
     from sm.topic_count c where t.id = $1 and c.topic_id = t.id
     returning t.cancelled_at as "cancelledAt", c.pending, c.sending`,
    [topicId, tx.now.wall],
  );
  if (row === undefined) throw new Error("a topic without counters");
  return { topicId, ...row };
}

async function sweep(
  job: Job,
  cancelling: Cancelling,
  signal?: AbortSignal,
): Promise<{ cancelled: number; inFlight: number }> {
  // A retry brings all of it back for one time.
  await finishTimes(job, cancelling.topicId, signal);
  const swept = { cancelled: 0, inFlight: 0 };
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const parts = partsOf(await rangesOf(ask, [cancelling.topicId]), SIZE);
  for await (const part of partsWith(ask, parts, ["pending"])) {
    if (signal?.aborted === true) throw new InterruptedError();
    // A signal that comes while we wait does not end what is begun.
    const done = await transaction(job, (tx) => cancelPart(tx, cancelling, part), { isPatient: true });
    // Another process has done it or has opened the topic again.
    if (done === null) break;
    swept.cancelled += done.cancelled;
    swept.inFlight = done.sending;
    if (done.pending === 0) break;
  }
  return swept;
}

/** Null: this cancelling is over. */
async function cancelPart(
  tx: Tx,
  { topicId, cancelledAt }: Cancelling,
  part: Part,
): Promise<(Counts & { cancelled: number }) | null> {
  if (cancelledAt !== null) {
    const goesOn = await tx.run(
      "update sm.topic set cancelling_at = $3 where id = $1 and cancelled_at = $2 and cancelling_at is not null",
      [topicId, cancelledAt, tx.now.wall],
    );
    if (goesOn === 0) return null;
  }
  const cancelled = await tx.run(
    `update sm.message set state = 'cancelled' where ${part.has("id")} and topic_id = $3 and state = 'pending'`,
    [...part.values, topicId],
  );
  const counters = createCounters();
  counters.move(topicId, "pending", "cancelled", cancelled);
  await counters.write(tx);
  const counts = await countsOf(tx, topicId);
  if (counts.pending === 0) await tx.run("update sm.topic set cancelling_at = null where id = $1", [topicId]);
  return { cancelled, ...counts };
}

async function countsOf(tx: Tx, topicId: number): Promise<Counts> {
  const [row] = await tx.query<Counts>("select pending, sending from sm.topic_count where topic_id = $1", [topicId]);
  return row ?? { pending: 0, sending: 0 };
}
