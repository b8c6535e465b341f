import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../errors.ts";

/** Work without a pause keeps signals, timers and requests waiting, so this is the longest stretch of it. */
const LONGEST_MS = 50;

/**
 * Returns a function for loops over many rows, to be called once a row. It returns null, or, when the process has worked
 * for 50 ms without a pause, a promise to await. The promise rejects with `InterruptedError` when `signal` has aborted.
 */
export function createBreath(signal: AbortSignal): () => Promise<void> | null {
  let last = performance.now();
  return () => {
    if (performance.now() - last < LONGEST_MS) return null;
    return setImmediate().then(() => {
      last = performance.now();
      if (signal.aborted) throw new InterruptedError();
    });
  };
}
