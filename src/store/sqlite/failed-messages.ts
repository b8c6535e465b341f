/** Finds the messages that need a person, newest first. */
import { setImmediate } from "node:timers/promises";
import type { FailedMessage } from "../rows.ts";
import type { Reader } from "../store.ts";
import type { Connection } from "./connection.ts";
import { topicIdOf } from "./topic-ids.ts";

/** A step looks at topics with so many entries of the index together. That takes less than a millisecond. */
const STEP = 1_000;

const TROUBLE = "message indexed by message_trouble where state in ('failed', 'in_doubt')";

/** Makes `Reader.failedMessages`. `step` is for tests. */
export function createFailedMessages(db: Connection, step = STEP): Reader["failedMessages"] {
  const ofTopic = createOfTopic(db);
  const ofAll = createOfAll(db, step, ofTopic);
  const whole = db.prepare<[number], FailedMessage>(
    `select m.id, t.name as topic, m.email, m.state, m.attempts, m.error
     from message m join topic t on t.id = m.topic_id where m.id = ? and m.state in ('failed', 'in_doubt')`,
  );
  return async (topic, limit) => {
    const ids = topic === null ? await ofAll(limit) : ofTopic({ topicId: topicIdOf(db, topic), over: 0, limit });
    // Between two steps one may have been put back.
    return ids.flatMap((id) => whole.get(id) ?? []);
  };
}

/** The newest ids of one topic, at most `limit` of those above `over`. */
type OfTopic = (which: { topicId: number; over: number; limit: number }) => number[];

function createOfTopic(db: Connection): OfTopic {
  const newest = db
    .prepare<Parameters<OfTopic>, number>(
      `select id from ${TROUBLE} and topic_id = @topicId and id > @over order by id desc limit @limit`,
    )
    .pluck();
  return (which) => newest.all(which);
}

/**
 * Makes what finds the newest ids of all topics. The index has those of each topic together, so the topics are gone through, the latest
 * first: one with many entries by itself, where only the newest are looked at, and others together. What is older than enough that were
 * found is passed over.
 */
function createOfAll(db: Connection, step: number, ofTopic: OfTopic): (limit: number) => Promise<number[]> {
  const topicAt = db
    .prepare<[{ to: number; at: number }], number>(
      `select topic_id from ${TROUBLE} and topic_id <= @to order by topic_id desc, id desc limit 1 offset @at`,
    )
    .pluck();
  const ofTopics = db
    .prepare<[{ from: number; to: number; over: number; limit: number }], number>(
      `select id from ${TROUBLE} and topic_id between @from and @to and id > @over order by id desc limit @limit`,
    )
    .pluck();
  return async (limit) => {
    let newest: number[] = [];
    for (let to = topicAt.get({ to: Number.MAX_SAFE_INTEGER, at: 0 }); to !== undefined;) {
      // The topic in which the step would end is for the next one.
      const below = topicAt.get({ to, at: step }) ?? 0;
      const from = below === to ? to : below + 1;
      const over = newest[limit - 1] ?? 0;
      const ids = from === to ? ofTopic({ topicId: to, over, limit }) : ofTopics.all({ from, to, over, limit });
      newest = [...newest, ...ids].sort((a, b) => b - a).slice(0, limit);
      to = topicAt.get({ to: from - 1, at: 0 });
      if (to !== undefined) await setImmediate();
    }
    return newest;
  };
}
