/** The time by which messages wait: it goes on evenly when somebody sets the wall clock. */
import { thisMachine } from "../../machine.ts";
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";

/**
 * The monotonic clock of the machine, moved so that it showed the wall time when this start of the machine first worked on the job
 * file. All processes that share the clock read the same. After a new start it never goes back behind what was written before.
 */
export interface Steady {
  /** Whole milliseconds. */
  now(): number;
  /** Writes down how the clock was moved, so that others move it alike. To be called in a transaction that writes anyway. */
  keep(): void;
}

interface Row {
  clock_boot: string | null;
  /** What is added to the monotonic clock. */
  clock_shift: number;
  /** The latest time that was kept. */
  clock_at: number;
}

/** `clock_at` is written when it is older than this. */
const KEEP_MS = 60_000;

/** Makes the steady time of a job file. */
export function createSteady(db: Connection, clock: Clock): Steady {
  const { boot } = thisMachine();
  const read = db.prepare<[], Row>("select clock_boot, clock_shift, clock_at from job");
  const write = db.prepare<[string, number, number]>("update job set clock_boot = ?, clock_shift = ?, clock_at = ?");
  let shift: number | null = null;
  let keptAt = -Infinity;

  const find = (): number => {
    const row = read.get();
    if (row?.clock_boot === boot) return row.clock_shift;
    // The battery of a clock may be empty: then the machine starts in a year that was long ago.
    return Math.round(Math.max(clock.now(), row?.clock_at ?? 0) - clock.monotonic());
  };
  const now = (): number => Math.round(clock.monotonic() + (shift ?? find()));
  return {
    now,
    keep() {
      if (shift !== null && clock.monotonic() - keptAt < KEEP_MS) return;
      const found = find();
      keptAt = clock.monotonic();
      write.run(boot, found, Math.round(keptAt + found));
      shift = found;
    },
  };
}
