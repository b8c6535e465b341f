import { hrtime } from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** Time as the program sees it; tests bring their own. */
export interface Clock {
  /** Wall clock: whole milliseconds since the epoch. May jump when somebody sets the clock. */
  now(): number;
  /** Milliseconds (with fraction) since the machine booted: never jumps, and the same for every process on it. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(hrtime.bigint()) / 1e6,
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};
