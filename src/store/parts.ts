/** Divides long work into transactions that hold nobody up for long. */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { InterruptedError } from "../errors.ts";

/** How large parts are, and how long others have the store to themselves between them. */
export interface PartSizes {
  /** How long one part should take (ms). On a slow disk parts get smaller. */
  partMs: number;
  /** The most rows of one part. */
  most: number;
  /** How long the rest after some work lasts, as a share of that work. */
  restShare: number;
}

/** For what nobody waits for: others have the store at least half of the time. */
const GENTLE: PartSizes = { partMs: 25, most: 2_000, restShare: 1 };
/** The least time (ms) that others have the store to themselves between two parts. Whoever waits for a job file looks every 25 ms. */
const LEAST_REST_MS = 30;
const [FIRST, LEAST] = [500, 50];
/** How long the work between two rests lasts while nobody else writes (ms): the first who does waits so long at most, and a part. */
const ALONE_MS = 100;
/** After so many rests in which nobody wrote, nobody is taken to be there. */
const QUIET_RESTS = 20;
/** The same at the beginning: who sends writes in one of the first rests. */
const FIRST_QUIET_RESTS = 8;

/**
 * Runs one part. `part` gets the number of rows that it may work on, and calls `begun` when it has the store to itself, so that its
 * waits are not taken for work.
 */
export type RunPart = <T>(part: (rows: number, begun: () => void) => Promise<T>) => Promise<T>;

/**
 * Makes a function that runs one part after another. After `partMs` of work it leaves the store to others for a while. When the
 * signal has aborted, it begins nothing and rejects with InterruptedError. `haveOthersWritten` says whether anybody else wrote to the
 * store since it was last asked: while nobody does, rests are fewer and shorter.
 */
export function createParts(
  signal: AbortSignal,
  { partMs, most, restShare }: PartSizes = GENTLE,
  haveOthersWritten: () => boolean = () => true,
): RunPart {
  let rows = FIRST;
  let workedMs = 0;
  let restsUntilAlone = FIRST_QUIET_RESTS;
  return async (part) => {
    if (workedMs >= (restsUntilAlone > 0 ? partMs : ALONE_MS)) {
      const restMs = restsUntilAlone > 0 ? Math.max(LEAST_REST_MS, workedMs * restShare) : LEAST_REST_MS;
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
      restsUntilAlone = haveOthersWritten() ? QUIET_RESTS : Math.max(0, restsUntilAlone - 1);
      workedMs = 0;
    }
    // Signals are heard between parts, and only there.
    await setImmediate();
    if (signal.aborted) throw new InterruptedError();
    let began = performance.now();
    const result = await part(rows, () => (began = performance.now()));
    const tookMs = performance.now() - began;
    const fitting = (rows * partMs) / Math.max(tookMs, 1);
    rows = Math.round(Math.min(most, rows * 2, Math.max(LEAST, fitting)));
    workedMs += tookMs;
    return result;
  };
}
