/** What a transaction changes about the counts and times of topics, before it is written. */
import type { State } from "../../message.ts";

/** Collects moves between states and times of sending. */
export interface Changes {
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
}

/** The same, with what was collected, each by the topic's id. */
export interface CollectedChanges extends Changes {
  /** What is added to each count. */
  readonly deltas: ReadonlyMap<number, Record<State, number>>;
  /** The first and the last time of sending. */
  readonly sent: ReadonlyMap<number, { first: number; last: number }>;
  /** When the first call may have left. */
  readonly calls: ReadonlyMap<number, number>;
  /** Forgets all of it. */
  clear(): void;
}

/** Makes a collection of changes that is empty. */
export function createChanges(): CollectedChanges {
  const deltas = new Map<number, Record<State, number>>();
  const sent = new Map<number, { first: number; last: number }>();
  const calls = new Map<number, number>();
  const add = (topicId: number, state: State, count: number) => {
    if (count === 0) return;
    let delta = deltas.get(topicId);
    if (!delta) deltas.set(topicId, (delta = none()));
    delta[state] += count;
  };
  const calledAt = (topicId: number, at: number) => {
    const first = calls.get(topicId);
    if (first === undefined || at < first) calls.set(topicId, at);
  };
  return {
    deltas,
    sent,
    calls,
    add,
    move(topicId, from, to, count = 1) {
      add(topicId, from, -count);
      add(topicId, to, count);
    },
    calledAt,
    sentAt(topicId, at) {
      calledAt(topicId, at);
      const span = sent.get(topicId);
      if (!span) sent.set(topicId, { first: at, last: at });
      else if (at < span.first) span.first = at;
      else if (at > span.last) span.last = at;
    },
    clear() {
      deltas.clear();
      sent.clear();
      calls.clear();
    },
  };
}

function none(): Record<State, number> {
  return { pending: 0, sending: 0, sent: 0, in_doubt: 0, failed: 0, cancelled: 0, suppressed: 0 };
}
