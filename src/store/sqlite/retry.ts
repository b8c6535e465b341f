/** Puts messages back to `pending` for a person, in parts. */
import type { State } from "../../message.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import { mayRetry, opensAgain, type RetriedPart, type TopicTimes } from "../rules/cancelling.ts";
import type { Topics } from "../store.ts";
import { finishCancel } from "./cancel.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { finishJoining } from "./joining.ts";
import { carryOut } from "./moving.ts";
import { createInPart, createRangeWalk, type Range } from "./ranges.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { mailWith, suppressedSql } from "./suppressed.ts";
import { topicIdOf } from "./topic-ids.ts";
import { createWalk } from "./walk.ts";

/** Makes `Topics.retry`, and what counts those that it leaves. */
export function createRetry(job: Job): Pick<Topics, "retry" | "countExpired"> {
  return {
    retry: (topic, states) => (topic === null ? retryAll(job, states) : retryTopic(job, topic, states)),
    countExpired: (topic, states) => countExpired(job, topic, states),
  };
}

async function countExpired({ db, clock, waiting }: Job, topic: string, states: readonly State[]): Promise<number> {
  const topicId = topicIdOf(db, topic);
  const count = db
    .prepare<[string, number, number, number, number], number>(
      `select count(*) from message
       where state in (select value from json_each(?)) and id between ? and ? and topic_id = ? and expires_at <= ?`,
    )
    .pluck();
  const now = clock.now();
  let sum = 0;
  await createWalk(
    db,
    topicId,
    waiting.hardSignal,
  )((first, last) => {
    sum += count.get(JSON.stringify(states), first, last, topicId, now) ?? 0;
  });
  return sum;
}

const OPEN = "cancelled_at is null and pruned_at is null";

async function retryAll(job: Job, states: readonly State[]): Promise<number> {
  const { db } = job;
  await finishJoining(job, null);
  const topicIds = db
    .prepare<[], number>(`select id from topic where ${OPEN} and ${["0", ...states].join(" + ")} > 0 order by id`)
    .pluck()
    .all();
  const moving = db.prepare<[], number>(`select id from topic where moving_at is not null and ${OPEN}`).pluck().all();
  await finishMoves(job, moving);
  const isOpen = db.prepare<[number], 1>(`select 1 from topic where id = ? and ${OPEN}`).pluck();
  const counters = createCounters(db);
  const putBack = createPutBack(job, counters);
  const walk = createRangeWalk(db, topicIds, states);
  const inPart = createInPart(job);
  let retried = 0;
  while (await walk.find())
    retried += await inPart(walk, (ranges) => {
      counters.begin();
      // Those of topics that are closed by now stay as they are.
      const count = putBack(
        ranges.filter(({ topicId }) => isOpen.get(topicId) === 1),
        states,
      );
      counters.write();
      return count;
    });
  return retried;
}

/** What is retried keeps its content and its time. Some of it would get others, were they still being given to the topic. */
async function finishMoves(job: Job, topicIds: readonly number[]): Promise<void> {
  for (const topicId of topicIds) await carryOut(job, topicId, () => true);
}

async function retryTopic(job: Job, topic: string, states: readonly State[]): Promise<number> {
  const { db } = job;
  await finishJoining(job, topicIdOf(db, topic));
  await finishMoves(job, [topicIdOf(db, topic)]);
  const retryPart = createRetryPart(job, topicIdOf(db, topic), states);
  let known: RetriedPart | null = await begin(job, topic, retryPart);
  const walk = createRangeWalk(db, [topicIdOf(db, topic)], states);
  const inPart = createInPart(job);
  let retried = 0;
  // Null: somebody has cancelled the topic meanwhile.
  while (known !== null && (await walk.find())) {
    const before: RetriedPart = known;
    known = await inPart(walk, (ranges) => retryPart(before, ranges));
    retried += known?.retried ?? 0;
  }
  return retried;
}

type RetryPart = (known: RetriedPart | null, ranges: readonly Range[]) => RetriedPart | null;

/** The first part, without messages. It opens the topic when it was cancelled as a whole. */
async function begin(job: Job, topic: string, retryPart: RetryPart): Promise<RetriedPart> {
  for (;;) {
    const done = await transaction(job, () => retryPart(null, []));
    if (done !== null) return done;
    // What is still pending would leave when the topic is opened.
    await finishCancel(job, topicIdOf(job.db, topic));
  }
}

/** Makes what retries messages of one topic, and opens it when it has to be, inside a transaction. Null, and nothing is done: it is being cancelled. */
function createRetryPart(job: Job, topicId: number, states: readonly State[]): RetryPart {
  const { db } = job;
  const counters = createCounters(db);
  const putBack = createPutBack(job, counters);
  const read = db.prepare<[number], TopicTimes & { name: string }>(
    "select name, cancelled_at as cancelledAt, cancelling_at as cancellingAt, pruned_at as prunedAt from topic where id = ?",
  );
  const open = db.prepare<[number]>("update topic set cancelled_at = null where id = ?");
  return (known, ranges) => {
    const topic = read.get(topicId);
    if (topic === undefined) throw new Error("a topic that is gone");
    const admission = mayRetry(topic, known);
    if (admission === "pruned") throw new TopicRefusedError({ topic: topic.name, refusal: "pruned", endpoint: null });
    if (admission === "wait") return null;
    counters.begin();
    const retried = putBack(ranges, states);
    counters.write();
    const opens = opensAgain(topic, retried, states);
    if (opens) open.run(topicId);
    return { retried, cancelledAt: opens ? null : topic.cancelledAt };
  };
}

/**
 * Makes what puts messages in these states back to `pending`, or to `suppressed` where the address is suppressed, unless they have
 * expired, and counts that in `counters`. It returns how many became `pending`.
 */
function createPutBack(
  { db, clock }: Job,
  counters: Counters,
): (ranges: readonly Range[], states: readonly State[]) => number {
  const stopped = suppressedSql(
    "lower(email)",
    "(select endpoint from topic where id = topic_id)",
    mailWith("content_id"),
  );
  const to = createMove(db, "suppressed", stopped);
  // What is left is not suppressed, unless it was so before.
  const back = createMove(db, "pending", `(@from <> 'suppressed' or not ${stopped})`);
  return (ranges, states) => {
    const now = clock.now();
    let retried = 0;
    for (const from of states)
      for (const { topicId, first, last } of ranges) {
        const given = { topicId, first, last, from, now };
        counters.move(topicId, from, "suppressed", to.run(given).changes);
        const pending = back.run(given).changes;
        counters.move(topicId, from, "pending", pending);
        retried += pending;
      }
    return retried;
  };
}

type Move = Omit<Range, "columns"> & { from: State; now: number };

function createMove(db: Connection, to: State, condition: string) {
  return db.prepare<[Move]>(
    `update message set attempts = 0, error = null, state = '${to}'
     where id between @first and @last and topic_id = @topicId and state = @from
       and (expires_at is null or expires_at > @now) and ${condition}`,
  );
}
