/** The sleep of the send loop between two turns. */
import type { Clock } from "../time/clock.ts";

/** A sleep that can be cut short. */
export interface Sleeper {
  /** Sleeps for `ms` or until `wake`. Resolves at once when `wake` was called since `listen`. */
  sleep(ms: number): Promise<void>;
  /** Ends the sleep. When nobody sleeps, it ends the next one, unless `listen` is called before. */
  wake(): void;
  /** Forgets earlier wakes. To be called before looking for work, so that a wake during the look is not missed. */
  listen(): void;
}

/** Makes a sleeper that sleeps by `clock`. */
export function createSleeper(clock: Clock): Sleeper {
  let isWoken = false;
  let cut: (() => void) | null = null;
  return {
    async sleep(ms) {
      if (isWoken) return;
      const controller = new AbortController();
      // Without a reason `abort` would make an Error for each wake, which is slow.
      cut = () => controller.abort("woken");
      await clock.sleep(ms, controller.signal);
      cut = null;
    },
    wake() {
      isWoken = true;
      cut?.();
    },
    listen() {
      isWoken = false;
    },
  };
}
