/** Puts messages back to `pending` for a person, in steps. */
import type { State } from "../../message.ts";
import type { Topics } from "../store.ts";
import { finishCancel } from "./cancel.ts";
import { type Job, read, transaction, type Tx } from "./connection.ts";
import { IN_STEP, NOTHING, type Ranges, rangesOf, STEP, stepsOf } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { lowerSql, suppressedSql } from "./suppressed.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most are put back in one transaction, which takes about a tenth of a second. */
const SIZE = 10_000;

/** Makes `Topics.retry`. */
export function createRetry(job: Job): Topics["retry"] {
  return (topic, states) => (topic === null ? retryAll(job, states) : retryTopic(job, topic, states));
}

async function retryAll(job: Job, states: readonly State[]): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const found = await ask<{ id: number }>(
    `select t.id from sm.topic t join sm.topic_count c on c.topic_id = t.id
     where t.cancelled_at is null and ${["0", ...states.map((state) => `c.${state}`)].join(" + ")} > 0`,
  );
  const ranges = await rangesOf(
    ask,
    found.map(({ id }) => id),
  );
  let retried = 0;
  for (const step of stepsOf(ranges, SIZE))
    retried += await transaction(job, (tx) => retryStep(tx, step, states), { isPatient: retried > 0 });
  return retried;
}

async function retryTopic(job: Job, topic: string, states: readonly State[]): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const topicId = await topicIdOf(ask, topic, job.name);
  const ranges = await rangesOf(ask, [topicId]);
  // Without messages there is one step, which opens the topic.
  const steps = ranges[0].length === 0 ? [NOTHING] : stepsOf(ranges, SIZE);
  let known: Known | null = null;
  let retried = 0;
  for (const step of steps) {
    const done: Done | null = await openingStep(job, { topicId, known, states }, step);
    // Somebody has cancelled the topic meanwhile.
    if (done === null) break;
    retried += done.retried;
    known = done;
  }
  return retried;
}

/** The topic as a step left it. */
interface Known {
  cancelledAt: number | null;
}

type Done = Known & { retried: number };

/** A part of a retry of one topic. `known` null: it is the first. */
interface Part {
  topicId: number;
  known: Known | null;
  states: readonly State[];
}

async function openingStep(job: Job, part: Part, step: Ranges): Promise<Done | null> {
  for (;;) {
    // A signal does not end what is begun.
    const done = await transaction(job, (tx) => retryAndOpen(tx, part, step), { isPatient: part.known !== null });
    if (done !== null || part.known !== null) return done;
    await finishCancel(job, part.topicId);
  }
}

/** Retries the messages of one topic, and opens it when it has to be. Null, and nothing is done: its cancelling is under way. */
async function retryAndOpen(tx: Tx, { topicId, known, states }: Part, step: Ranges): Promise<Done | null> {
  const [topic] = await tx.query<Known & { cancellingAt: number | null }>(
    `select cancelled_at as "cancelledAt", cancelling_at as "cancellingAt" from sm.topic where id = $1`,
    [topicId],
  );
  if (topic === undefined) throw new Error("a topic that is gone");
  const { cancelledAt, cancellingAt } = topic;
  if (cancellingAt !== null || (known !== null && known.cancelledAt !== cancelledAt)) return null;
  const retried = await retryStep(tx, step, states, true);
  // Pending messages of a cancelled topic would never be sent.
  const opens = cancelledAt !== null && (retried > 0 || states.includes("cancelled"));
  if (opens) await tx.run("update sm.topic set cancelled_at = null where id = $1", [topicId]);
  return { retried, cancelledAt: opens ? null : cancelledAt };
}

/**
 * Puts the messages of a step that are in these states back to `pending`, or to `suppressed` where the address is suppressed. Returns
 * how many became `pending`. `alsoCancelled` false: those of topics that are cancelled by now stay as they are.
 */
async function retryStep(tx: Tx, step: Ranges, states: readonly State[], alsoCancelled = false): Promise<number> {
  const counters = createCounters();
  const moved = await Promise.all(
    states.map(async (from) => ({
      from,
      rows: await tx.query<{ topicId: number; state: State; count: number }>(RETRY, [...step, from, alsoCancelled]),
    })),
  );
  let retried = 0;
  for (const { from, rows } of moved) {
    for (const { topicId, state, count } of rows) {
      counters.move(topicId, from, state, count);
      if (state === "pending") retried += count;
    }
  }
  await counters.write(tx);
  return retried;
}

const RETRY = `with moved as (
    update sm.message m set attempts = 0, error = null,
      state = case when ${suppressedSql(lowerSql("m.email"), "t.endpoint")} then 'suppressed' else 'pending' end
    from ${STEP} join sm.topic t on t.id = r.topic_id
    where ${IN_STEP} and m.state = $4 and ($5 or t.cancelled_at is null)
    returning m.topic_id, m.state)
  select topic_id as "topicId", state, count(*)::int8 as count from moved group by 1, 2`;
