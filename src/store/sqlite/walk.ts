import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import type { Connection } from "./connection.ts";

/** Messages a step: some tens of milliseconds, in which nothing else is heard. */
const STEP = 20_000;

/**
 * Visits the messages of a topic in steps of ids, both ends included; `visit` returns false when it has seen enough.
 * Rejects with InterruptedError when the signal aborts.
 */
export type Walk = (visit: (first: number, last: number) => boolean | void) => Promise<void>;

export function createWalk(db: Connection, topicId: number, signal: AbortSignal): Walk {
  const ranges = db.prepare<[number], { first: number; last: number }>(
    "select first_id as first, last_id as last from ingest where topic_id = ? order by id",
  );
  return async (visit) => {
    for (const range of ranges.all(topicId)) {
      for (let first = range.first; first <= range.last; first += STEP) {
        if (signal.aborted) throw new InterruptedError();
        if (visit(first, Math.min(range.last, first + STEP - 1)) === false) return;
        await setImmediate();
      }
    }
  };
}
