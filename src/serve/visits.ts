/** Writes opens and clicks into the store. No reader waits for it, and only so many may wait to be written. */
import type { FastifyBaseLogger } from "fastify";
import type { Clock } from "../time/clock.ts";
import type { Visit } from "../store/rows.ts";
import type { VisitSink } from "../store/store.ts";
import { createGroupCommit } from "../intake/group-commit.ts";

/** Collects visits and writes them in groups. */
export interface Visits {
  /** Returns at once. Drops the visit, with a warning in the log, when too many wait or the store cannot write. */
  add(visit: Visit): void;
  /** Resolves when everything added so far is written or dropped. */
  drain(): Promise<void>;
}

/** How much may wait. */
export interface VisitsLimits {
  /** Visits that may wait: some seconds of a big campaign's first minute, a few MB. */
  mostWaiting: number;
}

/** Five commits a second are enough: nobody waits for them. */
const COMMIT = { maxItems: 1_000, waitMs: 200 };
const WARN_EVERY_MS = 10_000;

/** Writes visits to `store`. Warns in `log` of dropped ones, at most once in ten seconds. */
export function createVisits(
  store: Pick<VisitSink, "applyVisits">,
  clock: Clock,
  log: Pick<FastifyBaseLogger, "warn">,
  { mostWaiting }: VisitsLimits = { mostWaiting: 20_000 },
): Visits {
  const commit = createGroupCommit(async (visits: Visit[]) => {
    await store.applyVisits(visits);
    return visits;
  }, COMMIT);
  let waiting = 0;
  let dropped = 0;
  let warnedAt = -Infinity;

  const warn = (reason: string): void => {
    if (dropped === 0) return;
    log.warn({ dropped, reason }, "opens and clicks were not counted");
    dropped = 0;
    warnedAt = clock.monotonic();
  };
  const drop = (reason: string): void => {
    dropped++;
    if (clock.monotonic() - warnedAt > WARN_EVERY_MS) warn(reason);
  };

  return {
    add(visit) {
      if (waiting >= mostWaiting) return drop("too many wait");
      waiting++;
      commit
        .add(visit)
        .catch((error: unknown) => drop(error instanceof Error ? error.message : String(error)))
        .finally(() => waiting--);
    },
    async drain() {
      await commit.drain();
      // Let the last group's promises settle first: a failed group counts its dropped visits only then.
      await new Promise((resolve) => setImmediate(resolve));
      warn("see the warnings before");
    },
  };
}
