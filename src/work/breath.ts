import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../errors.ts";

/** Work without a pause keeps signals and other requests waiting. */
const LONGEST_MS = 50;

/**
 * For loops over many rows, called once a row: null, or a promise to await when the process has worked for 50 ms without a pause. The promise
 * rejects with `InterruptedError` when `signal` was aborted meanwhile.
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
