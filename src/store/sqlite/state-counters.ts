/** Keeps the counters of topics in step with the states of their messages. */
import { STATES } from "../../message.ts";
import { type Changes, createChanges } from "../rules/changes.ts";
import type { Connection } from "./connection.ts";

/** Collects changes, and writes them with at most two statements for each topic. */
export interface Counters extends Changes {
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
  // A topic that has the time is looked at and not written. Only mail of another program was sent before that.
  const called = db.prepare<[{ id: number; at: number }]>(
    "update topic set called_at = @at where id = @id and (called_at is null or called_at > @at)",
  );
  // A list that is on its way has no topic yet, and keeps the counters for it.
  const arriving = db.prepare(
    `update arriving set ${STATES.map((state) => `${state} = ${state} + @${state}`).join(", ")} where topic_id = @id`,
  );
  const { deltas, sent, calls, clear, ...changes } = createChanges();
  return {
    ...changes,
    begin: clear,
    write() {
      for (const [id, delta] of deltas) if (update.run({ id, ...delta }).changes === 0) arriving.run({ id, ...delta });
      for (const [id, { first, last }] of sent) widen.run(first, first, last, last, id);
      for (const [id, at] of calls) called.run({ id, at });
      clear();
    },
  };
}
