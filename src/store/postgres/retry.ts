/** Puts messages back to `pending` for a person, in steps. */
import type { State } from "../../message.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import { mayRetry, opensAgain, type RetriedPart, type TopicTimes } from "../rules/cancelling.ts";
import type { Topics } from "../store.ts";
import { byIndex } from "./by-index.ts";
import { finishCancel } from "./cancel.ts";
import { type Job, read } from "./connection.ts";
import { carryOut } from "./moving.ts";
import { transaction, type Tx } from "./transaction.ts";
import { NOTHING, type Part, partsOf, partsWith, rangesOf } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most are put back in one transaction, which takes about a tenth of a second. */
const SIZE = 2_500;

/** Makes `Topics.retry`, and what counts those that it leaves. */
export function createRetry(job: Job): Pick<Topics, "retry" | "countExpired"> {
  return {
    retry: (topic, states) => (topic === null ? retryAll(job, states) : retryTopic(job, topic, states)),
    countExpired: (topic, states) => countExpired(job, topic, states),
  };
}

async function countExpired(job: Job, topic: string, states: readonly State[]): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const topicId = await topicIdOf(ask, topic, job.name);
  const [row] = await ask<{ count: number }>(
    `select count(*)::int8 as count from sm.ingest i join sm.message m on m.id between i.first_id and i.last_id
     where i.topic_id = $1 and m.topic_id = $1 and m.state = any ($2::text[]) and m.expires_at <= $3::bigint`,
    [topicId, states, job.time.now().wall],
  );
  return row?.count ?? 0;
}

async function retryAll(job: Job, states: readonly State[]): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const moving = await ask<{ id: number }>(
    "select id from sm.topic where moving_at is not null and cancelled_at is null",
  );
  await finishMoves(
    job,
    moving.map(({ id }) => id),
  );
  const found = await ask<{ id: number }>(
    `select t.id from sm.topic t join sm.topic_count c on c.topic_id = t.id
     where t.cancelled_at is null and t.pruned_at is null and ${["0", ...states.map((state) => `c.${state}`)].join(" + ")} > 0`,
  );
  const topicIds = found.map(({ id }) => id);
  let retried = 0;
  for await (const part of partsWith(ask, partsOf(await rangesOf(ask, topicIds), SIZE), states))
    retried += await transaction(job, (tx) => putBack(tx, part, states, false), { isPatient: retried > 0 });
  return retried;
}

/** What is retried keeps its content and its time. Some of it would get others, were they still being given to the topic. */
async function finishMoves(job: Job, topicIds: readonly number[]): Promise<void> {
  for (const topicId of topicIds) await carryOut(job, topicId, () => true);
}

async function retryTopic(job: Job, topic: string, states: readonly State[]): Promise<number> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const topicId = await topicIdOf(ask, topic, job.name);
  await finishMoves(job, [topicId]);
  const parts = partsOf(await rangesOf(ask, [topicId]), SIZE);
  let known = await nextPart(job, { topicId, known: null, states }, NOTHING);
  let retried = 0;
  for await (const part of partsWith(ask, parts, states)) {
    // Somebody has cancelled the topic meanwhile.
    if (known === null) break;
    known = await nextPart(job, { topicId, known, states }, part);
    retried += known?.retried ?? 0;
  }
  return retried;
}

/** A retry of one topic. `known` null: it begins. */
interface Retry {
  topicId: number;
  known: RetriedPart | null;
  states: readonly State[];
}

async function nextPart(job: Job, retry: Retry, part: Part): Promise<RetriedPart | null> {
  const isBegun = retry.known !== null;
  for (;;) {
    // A signal does not end what is begun.
    const done = await transaction(job, (tx) => retryAndOpen(tx, retry, part), { isPatient: isBegun });
    if (done !== null || isBegun) return done;
    // What is still pending would leave when the topic is opened.
    await finishCancel(job, retry.topicId);
  }
}

/** Retries messages of one topic, and opens it when it has to be. Null, and nothing is done: it is being cancelled. */
async function retryAndOpen(tx: Tx, { topicId, known, states }: Retry, part: Part): Promise<RetriedPart | null> {
  const [topic] = await tx.query<TopicTimes & { name: string }>(
    `select name, cancelled_at as "cancelledAt", cancelling_at as "cancellingAt", pruned_at as "prunedAt" from sm.topic where id = $1`,
    [topicId],
  );
  if (topic === undefined) throw new Error("a topic that is gone");
  const admission = mayRetry(topic, known);
  if (admission === "pruned") throw new TopicRefusedError({ topic: topic.name, refusal: "pruned", endpoint: null });
  if (admission === "wait") return null;
  const retried = await putBack(tx, part, states, true);
  const opens = opensAgain(topic, retried, states);
  if (opens) await tx.run("update sm.topic set cancelled_at = null where id = $1", [topicId]);
  return { retried, cancelledAt: opens ? null : topic.cancelledAt };
}

/**
 * Puts the messages of a part that are in these states back to `pending`, or to `suppressed` where the address is suppressed, unless
 * they have expired. Returns how many became `pending`. `alsoCancelled` false: those of topics that are cancelled by now stay as they are.
 */
async function putBack(tx: Tx, part: Part, states: readonly State[], alsoCancelled: boolean): Promise<number> {
  const counters = createCounters();
  const sql = `with moved as (
      update sm.message m set attempts = 0, error = null,
        state = case when ${suppressedSql(lowerSql("m.email"), "t.endpoint", mailWith("m.content_id"))} then 'suppressed' else 'pending' end
      from sm.topic t
      where ${part.has("m.id")} and m.state = $3 and t.id = m.topic_id and ($4 or t.cancelled_at is null) and t.pruned_at is null
        and (m.expires_at is null or m.expires_at > $5::bigint)
      returning m.topic_id, m.state)
    select topic_id as "topicId", state, count(*)::int8 as count from moved group by 1, 2`;
  await byIndex(tx.query);
  let retried = 0;
  for (const from of states) {
    const moved = await tx.query<{ topicId: number; state: State; count: number }>(sql, [
      ...part.values,
      from,
      alsoCancelled,
      tx.now.wall,
    ]);
    for (const { topicId, state, count } of moved) {
      counters.move(topicId, from, state, count);
      if (state === "pending") retried += count;
    }
  }
  await counters.write(tx);
  return retried;
}
