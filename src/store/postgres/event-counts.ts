/** Counts on topics what events and visits say of their messages. */
import { EVENT_COUNTERS, type EventCounter } from "../rules/event-counters.ts";
import type { Tx } from "./transaction.ts";

/** The counters of all visits, a reader's and a program's told apart. Events count messages only. */
const VISIT_COUNTERS = ["reader_opens", "machine_opens", "clicks"] as const;
const COUNTERS = [...EVENT_COUNTERS, ...VISIT_COUNTERS] as const;

/** A column of `topic_count` that is about events or visits. */
type Counter = EventCounter | (typeof VISIT_COUNTERS)[number];

/** The counts of one transaction. */
export interface EventCounts {
  /** Adds to a counter of a topic; `by` may be below 0. */
  add(topicId: number, counter: Counter, by: number): void;
  /** Writes the counters with one statement. */
  save(tx: Tx): Promise<void>;
}

const WRITE = `update sm.topic_count c set ${COUNTERS.map((name) => `${name} = c.${name} + d.${name}`).join(", ")}
  from unnest($1::int[], ${COUNTERS.map((_, at) => `$${at + 2}::bigint[]`).join(", ")}) d (id, ${COUNTERS.join(", ")})
  where c.topic_id = d.id`;

/** Makes empty counts. */
export function createEventCounts(): EventCounts {
  const deltas = new Map<number, Partial<Record<Counter, number>>>();
  return {
    add(topicId, counter, by) {
      if (by === 0) return;
      let delta = deltas.get(topicId);
      if (delta === undefined) deltas.set(topicId, (delta = {}));
      delta[counter] = (delta[counter] ?? 0) + by;
    },
    async save(tx) {
      if (deltas.size === 0) return;
      const rows = [...deltas.values()];
      await tx.query(WRITE, [[...deltas.keys()], ...COUNTERS.map((name) => rows.map((row) => row[name] ?? 0))]);
    },
  };
}
