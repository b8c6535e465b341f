/** Keeps the counters of topics in step with the states of their messages. */
import { STATES, type State } from "../../message.ts";
import type { Connection } from "./connection.ts";

/** Collects moves between states and times of sending, and writes them with at most two statements for each topic. */
export interface Counters {
  /** `count` messages (default 1) moved between two states. */
  move(topicId: number, from: State, to: State, count?: number): void;
  /** `count` messages were added in a state. */
  add(topicId: number, state: State, count: number): void;
  /**
   * A message of the topic was sent at `at` (ms since the epoch), so a call has left. The topic keeps the first and the last such
   * time.
   */
  sentAt(topicId: number, at: number): void;
  /** A call about a message of the topic may have left before `at` (ms since the epoch). The topic keeps the first such time. */
  calledAt(topicId: number, at: number): void;
  /** To be called when a transaction begins. Forgets what a failed one left behind. */
  begin(): void;
  /** Writes the counters. To be called in the transaction that moved the messages. */
  write(): void;
}

/** Makes counters of topics. Each part of the store that moves messages has its own. */
export function createCounters(db: Connection): Counters {
  const update = db.prepare(
    `update topic set ${STATES.map((state) => `${state} = ${state} + @${state}`).join(", ")} where id = @id`,
  );
  const widen = db.prepare<[number, number, number, number, number]>(
    `update topic set first_sent_at = min(ifnull(first_sent_at, ?), ?), last_sent_at = max(ifnull(last_sent_at, ?), ?)
     where id = ?`,
  );
  // A topic that has the time is looked at and not written.
  const called = db.prepare<[number, number]>("update topic set called_at = ? where id = ? and called_at is null");
  const calls = new Map<number, number>();
  const deltas = new Map<number, Record<State, number>>();
  const sent = new Map<number, { first: number; last: number }>();
  const add = (topicId: number, state: State, count: number) => {
    let delta = deltas.get(topicId);
    if (!delta) deltas.set(topicId, (delta = none()));
    delta[state] += count;
  };
  return {
    add,
    move(topicId, from, to, count = 1) {
      add(topicId, from, -count);
      add(topicId, to, count);
    },
    calledAt(topicId, at) {
      if (!calls.has(topicId)) calls.set(topicId, at);
    },
    sentAt(topicId, at) {
      if (!calls.has(topicId)) calls.set(topicId, at);
      const span = sent.get(topicId);
      if (!span) sent.set(topicId, { first: at, last: at });
      else if (at < span.first) span.first = at;
      else if (at > span.last) span.last = at;
    },
    begin() {
      deltas.clear();
      sent.clear();
      calls.clear();
    },
    write() {
      for (const [id, delta] of deltas) update.run({ id, ...delta });
      for (const [id, { first, last }] of sent) widen.run(first, first, last, last, id);
      for (const [id, at] of calls) called.run(at, id);
      deltas.clear();
      sent.clear();
      calls.clear();
    },
  };
}

function none(): Record<State, number> {
  return { pending: 0, sending: 0, sent: 0, in_doubt: 0, failed: 0, cancelled: 0, suppressed: 0 };
}
