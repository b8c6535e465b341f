import type { Clock } from "../time/clock.ts";

/** A sleep that can be cut short. */
export interface Sleeper {
  /** Sleeps for `ms`, or until it is woken; not at all when it was woken since `listen`. */
  sleep(ms: number): Promise<void>;
  /** Ends the sleep. With nobody asleep it is kept for the next one. */
  wake(): void;
  /** From now on a wake counts. To be called before looking at what wakes are about, so that none is missed. */
  listen(): void;
}

/** Sleeps by `clock`. */
export function createSleeper(clock: Clock): Sleeper {
  let isWoken = false;
  let cut: (() => void) | null = null;
  return {
    async sleep(ms) {
      if (isWoken) return;
      const controller = new AbortController();
      // With a reason, or each wake would make an Error.
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
