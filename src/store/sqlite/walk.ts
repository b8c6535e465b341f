/** Walks the messages of a topic in steps. */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import type { Connection } from "./connection.ts";

/** How many ids one step covers. A step takes some tens of milliseconds, and nothing else runs meanwhile. */
const STEP = 20_000;

/**
 * Calls `visit` with one range of ids after another, both ends included, until all messages of the topic are covered or `visit`
 * returns false. Rejects with InterruptedError when the signal aborts.
 */
export type Walk = (visit: (first: number, last: number) => boolean | void) => Promise<void>;

/** Makes a walk over the messages of one topic, in the order they were added. */
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
