/** Waits for other processes, and for a server that is away. */
import { InterruptedError } from "../../errors.ts";
import { systemClock } from "../../time/clock.ts";
import type { Waiting } from "../store.ts";
import { codeOf, isAway, isCrowded, isPassing } from "./trouble.ts";

/** How long we try to reach a server again before we say that it is away. The caller may try again. */
const AWAY_MS = 5_000;
const LOCK_NOTICE_MS = 5_000;
/** After the first signal a patient wait lasts this long at most (ms). */
const LAST_PATIENCE_MS = 10_000;

/** Waits for nothing and tells nobody. */
export const NO_WAITING: Waiting = {
  onWait: () => undefined,
  signal: new AbortController().signal,
  hardSignal: new AbortController().signal,
};

/** How a wait ends. */
export interface Patience {
  /** The longest wait for other processes and for the server (ms); not set: no limit for others, `AWAY_MS` for the server. */
  patienceMs?: number;
  /** True: only the second signal ends the wait. It is for answers of SES, which nobody can ask for again. */
  isPatient?: boolean;
}

/** Who waits. */
interface Waiter {
  waiting: Waiting;
}

/**
 * Resolves when it is time to try again after `error`. Rejects with InterruptedError after a signal, and with `error` when patience has
 * ended.
 */
export type Wait = (error: unknown) => Promise<void>;

/** True for what may pass by itself, so that the same is worth another try. */
export function isWorthWaiting(error: unknown): boolean {
  return isAway(error) || isCrowded(error) || isPassing(error);
}

/**
 * Makes `attempt` again for some seconds when its connection was gone or could not be made, and as long as others are in its way.
 * @throws InterruptedError when a signal ended the wait, and the last error of `attempt`.
 */
export async function patiently<T>(waiter: Waiter, attempt: () => Promise<T>, options: Patience = {}): Promise<T> {
  const wait = createWait(waiter, options);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isWorthWaiting(error)) throw error;
      await wait(error);
    }
  }
}

/**
 * Makes a function to be called each time the lock was held by others or the server could not be reached. It resolves when it is
 * time to try again. A signal that came meanwhile always wins.
 */
export function createWait({ waiting }: Waiter, { patienceMs, isPatient = false }: Patience): Wait {
  const { onWait, signal, hardSignal } = waiting;
  const started = performance.now();
  const stop = isPatient ? hardSignal : signal;
  let noticeAt = LOCK_NOTICE_MS;
  let signalledAt: number | null = null;
  let awayAt: number | null = null;
  let pauseMs = 50;
  return async (error) => {
    const waited = performance.now() - started;
    if (signal.aborted) signalledAt ??= waited;
    if (stop.aborted || (signalledAt !== null && waited - signalledAt > LAST_PATIENCE_MS)) throw new InterruptedError();
    // It may have taken long to find out that a connection leads nowhere, and the next one may be well.
    if (!isPassing(error)) awayAt ??= waited;
    const endMs = patienceMs ?? (isPassing(error) ? Number.POSITIVE_INFINITY : (awayAt ?? 0) + AWAY_MS);
    if (waited >= endMs) throw error;
    if (waited > noticeAt && codeOf(error) === "55P03") {
      onWait(waited);
      noticeAt *= 2;
    }
    // Not the clock of the job: tests stop that one, and the server has its own.
    await systemClock.sleep(isPassing(error) ? 10 + Math.random() * 40 : pauseMs * (0.5 + Math.random()), stop);
    pauseMs = Math.min(pauseMs * 2, 1_000);
    if (stop.aborted) throw new InterruptedError();
  };
}
