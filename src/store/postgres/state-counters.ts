/** Keeps the counters of topics in step with the states of their messages. */
import { STATES, type State } from "../../message.ts";
import type { Tx } from "./connection.ts";

/** Collects moves between states and times of sending, and writes them with one statement. */
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
  /** Writes the counters. To be called in the transaction that moved the messages, at its end. */
  write(tx: Tx): Promise<void>;
}

/** Makes empty counters, for one transaction. */
export function createCounters(): Counters {
  const deltas = new Map<number, Record<State, number>>();
  const sent = new Map<number, { first: number; last: number }>();
  const calls = new Map<number, number>();
  const add = (topicId: number, state: State, count: number) => {
    let delta = deltas.get(topicId);
    if (!delta) deltas.set(topicId, (delta = none()));
    delta[state] += count;
  };
  return {
    add,
    move(topicId, from, to, count = 1) {
      if (count === 0) return;
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
    async write(tx) {
      const ids = [...new Set([...deltas.keys(), ...sent.keys()])].sort((a, b) => a - b);
      const times = [[...calls.keys()], [...calls.values()]];
      if (ids.length > 0) await tx.query(COUNT, [...countValues(ids, deltas, sent), ...times]);
      else if (calls.size > 0) await tx.query(CALLED, times);
    },
  };
}

// A topic that has the time is looked at and not written.
const called = (ids: string, times: string): string =>
  `update sm.topic t set called_at = d.at from unnest(${ids}::int[], ${times}::bigint[]) d (id, at)
  where t.id = d.id and t.called_at is null`;

const CALLED = called("$1", "$2");

const COUNT = `with called as (${called("$11", "$12")})
  update sm.topic_count c set
    ${STATES.map((state) => `${state} = c.${state} + d.${state}`).join(", ")},
    first_sent_at = least(c.first_sent_at, d.first_at), last_sent_at = greatest(c.last_sent_at, d.last_at)
  from unnest($1::int[], ${STATES.map((_, at) => `$${at + 2}::bigint[]`).join(", ")}, $9::bigint[], $10::bigint[])
    d (id, ${STATES.join(", ")}, first_at, last_at)
  where c.topic_id = d.id`;

function countValues(
  ids: number[],
  deltas: ReadonlyMap<number, Record<State, number>>,
  sent: ReadonlyMap<number, { first: number; last: number }>,
): unknown[] {
  return [
    ids,
    ...STATES.map((state) => ids.map((id) => deltas.get(id)?.[state] ?? 0)),
    ids.map((id) => sent.get(id)?.first ?? null),
    ids.map((id) => sent.get(id)?.last ?? null),
  ];
}

function none(): Record<State, number> {
  return { pending: 0, sending: 0, sent: 0, in_doubt: 0, failed: 0, cancelled: 0, suppressed: 0 };
}
