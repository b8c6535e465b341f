/** What is done again and again beside the work of a process that runs for long. */
import type { Topics } from "../store/store.ts";

/** How often topics are looked for that a process was cancelling, or giving another time, when it died. */
const FINISH_MS = 10_000;

/** Does work at regular intervals. */
export interface Rounds {
  /**
   * Does `work` every `ms`, unless it is still under way from the time before. Its failures are told. The signal aborts when the rounds
   * end. `isAwaited`: the end waits for it then; what heeds no signal may wait for a server that is away.
   */
  every(ms: number, work: (signal: AbortSignal) => Promise<void>, options?: { isAwaited: boolean }): void;
  /** Ends all of it, and never rejects. The store may be closed after this. */
  end(): Promise<void>;
}

/** Makes rounds whose failures are told to `failed`, which must not throw. */
export function createRounds(failed: (error: unknown) => void): Rounds {
  const stop = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const awaited = new Set<Promise<void>>();
  return {
    every(ms, work, { isAwaited } = { isAwaited: false }) {
      let isUnderWay = false;
      const round = () => {
        // The store may be locked, or take longer than the interval.
        if (isUnderWay) return;
        isUnderWay = true;
        const done = work(stop.signal)
          .catch(failed)
          .finally(() => {
            isUnderWay = false;
            awaited.delete(done);
          });
        if (isAwaited) awaited.add(done);
      };
      timers.push(setInterval(round, ms));
    },
    async end() {
      timers.forEach((timer) => clearInterval(timer));
      stop.abort();
      await Promise.all(awaited);
    },
  };
}

/** Has what processes that died were doing to topics finished, for as long as the rounds go on. */
export function finishOthers(store: Pick<Topics, "finishOthersWork">, { every }: Rounds): void {
  every(FINISH_MS, (signal) => store.finishOthersWork(signal), { isAwaited: true });
}
