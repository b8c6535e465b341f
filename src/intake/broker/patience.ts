/** Waits for what is away: a store, or the broker that has a template. */
import { InterruptedError, LostError, StoppedError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";

const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 10_000;

/** Why mail waits is told again after so long, if it still does. */
export const TELL_MS = 180_000;

/** How a handler waits for a store that is away. */
export interface Patience {
  clock: Pick<Clock, "sleep">;
  /** Ends a wait. */
  signal: AbortSignal;
  /** Told why the store or a template's broker cannot be asked, at once and every three minutes while it waits; and null when it goes on. */
  onTrouble?(reason: string | null): void;
}

/**
 * Does the work again until nothing is away any more, up to every 10 s. Rejects with InterruptedError when the signal ends that, and at
 * once with what waiting does not help against.
 */
export async function patiently<T>({ clock, signal, onTrouble }: Patience, work: () => Promise<T>): Promise<T> {
  let waitMs = FIRST_WAIT_MS;
  let untoldMs = TELL_MS;
  for (;;) {
    try {
      const result = await work();
      if (waitMs > FIRST_WAIT_MS) onTrouble?.(null);
      return result;
    } catch (error) {
      if (!(error instanceof StoppedError) || error instanceof LostError) throw error;
      if (untoldMs >= TELL_MS) {
        onTrouble?.(error.message);
        untoldMs = 0;
      }
    }
    await clock.sleep(waitMs, signal);
    untoldMs += waitMs;
    if (signal.aborted) throw new InterruptedError();
    waitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
  }
}
