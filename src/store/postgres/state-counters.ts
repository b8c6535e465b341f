/** Keeps the counters of topics in step with the states of their messages. */
import { STATES } from "../../message.ts";
import { type Changes, type CollectedChanges, createChanges } from "../rules/changes.ts";
import type { Tx } from "./transaction.ts";

/** Collects changes, and writes them with one statement. */
export interface Counters extends Changes {
  /** Writes the counters. To be called in the transaction that moved the messages, at its end. */
  write(tx: Tx): Promise<void>;
}

/** Makes empty counters, for one transaction. */
export function createCounters(): Counters {
  const changes = createChanges();
  const { deltas, sent, calls } = changes;
  return {
    ...changes,
    async write(tx) {
      const ids = [...new Set([...deltas.keys(), ...sent.keys()])].sort((a, b) => a - b);
      const times = [[...calls.keys()], [...calls.values()]];
      if (ids.length > 0) await tx.query(COUNT, [...countValues(ids, deltas, sent), ...times]);
      else if (calls.size > 0) await tx.query(CALLED, times);
    },
  };
}

// A topic that has the time is looked at and not written. Only mail of another program was sent before that.
const called = (ids: string, times: string): string =>
  `update sm.topic t set called_at = d.at from unnest(${ids}::int[], ${times}::bigint[]) d (id, at)
  where t.id = d.id and (t.called_at is null or t.called_at > d.at)`;

const CALLED = called("$1", "$2");

const COUNT = `with called as (${called("$11", "$12")})
  update sm.topic_count c set
    ${STATES.map((state) => `${state} = c.${state} + d.${state}`).join(", ")},
    first_sent_at = least(c.first_sent_at, d.first_at), last_sent_at = greatest(c.last_sent_at, d.last_at)
  from unnest($1::int[], ${STATES.map((_, at) => `$${at + 2}::bigint[]`).join(", ")}, $9::bigint[], $10::bigint[])
    d (id, ${STATES.join(", ")}, first_at, last_at)
  where c.topic_id = d.id`;

function countValues(ids: number[], deltas: CollectedChanges["deltas"], sent: CollectedChanges["sent"]): unknown[] {
  return [
    ids,
    ...STATES.map((state) => ids.map((id) => deltas.get(id)?.[state] ?? 0)),
    ids.map((id) => sent.get(id)?.first ?? null),
    ids.map((id) => sent.get(id)?.last ?? null),
  ];
}
