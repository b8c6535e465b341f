/** Clocks: the wall time, a time that never jumps, and sleep. */
import { hrtime } from "node:process";

/** Where the program gets its time from; tests bring their own. */
export interface Clock {
  /** Wall clock: whole milliseconds since the epoch. May jump when somebody sets the clock. */
  now(): number;
  /** Milliseconds (with fraction) since the machine booted: never jumps, and the same for every process on it. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clocks of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(hrtime.bigint()) / 1e6,
  // node:timers/promises makes an Error for each sleep that is cut short, and the send loop cuts most of its sleeps
  // short.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake);
    }),
};
