/** The time of the store: the clock of the database, read here without asking it each time. */
import type { Now } from "../rules/due.ts";
import type { Clock } from "../../time/clock.ts";

/** Tells the database's time in this process. */
export interface StoreTime {
  /**
   * Notes that the database said `databaseMs` at a moment between two instants of our monotonic clock. Returns what the time of the
   * store was at that moment.
   */
  observe(askedAt: number, answeredAt: number, databaseMs: number): number;
  /** The time now, as the database would tell it, with fractions of a millisecond. */
  now(): Now;
  /** The time of the database at an instant of our monotonic clock. */
  at(monotonic: number): number;
  /** How far `now` may be from the truth, ms. */
  errorMs(): number;
  /** How often the clock of the database was found to have been set, or another server to answer. */
  jumps(): number;
}

/** An observation is forgotten after this long, because two clocks never run alike. */
const FORGET_MS = 60_000;
/** The observations that are kept are the most exact ones of so many spans of time. */
const SPAN_MS = 5_000;
/** Two clocks drift apart by less than this while an observation is kept. */
const SLACK_MS = 5;
/** A clock that differs by more than this from what we know, and from what may be an error, was set. */
const JUMP_MS = 20;

interface Observation {
  /** When it was made, by our monotonic clock. */
  at: number;
  /** The database's time minus our monotonic time. */
  offset: number;
  error: number;
}

/**
 * Makes the time of a database. The best of the recent answers wins: half of its round trip is the error. An answer that contradicts it
 * means that somebody has set the database's clock, or that another server answers now, so it counts alone from then on.
 */
export function createDatabaseTime(clock: Pick<Clock, "monotonic">): StoreTime {
  let recent: Observation[] = [];
  let jumps = 0;
  const best = (): Observation => {
    let chosen = recent[0];
    for (const each of recent) if (chosen === undefined || each.error < chosen.error) chosen = each;
    return chosen ?? { at: 0, offset: Date.now() - clock.monotonic(), error: Number.POSITIVE_INFINITY };
  };
  return {
    observe(askedAt, answeredAt, databaseMs) {
      const seen = {
        at: answeredAt,
        offset: databaseMs - (askedAt + answeredAt) / 2,
        error: (answeredAt - askedAt) / 2,
      };
      const known = best();
      const gap = Math.abs(seen.offset - known.offset) - seen.error - known.error;
      if (recent.length > 0 && gap > JUMP_MS) jumps++;
      if (gap > SLACK_MS) recent = [];
      recent = recent.filter(({ at }) => answeredAt - at < FORGET_MS);
      const last = recent.at(-1);
      if (last === undefined || Math.floor(last.at / SPAN_MS) !== Math.floor(answeredAt / SPAN_MS)) recent.push(seen);
      else if (seen.error < last.error) recent[recent.length - 1] = seen;
      return databaseMs;
    },
    now() {
      const now = clock.monotonic() + best().offset;
      // One clock: the database has no other that all processes could read.
      return { wall: Math.round(now), steady: Math.round(now) };
    },
    at: (monotonic) => monotonic + best().offset,
    errorMs: () => Math.min(best().error, 1_000),
    jumps: () => jumps,
  };
}

/** Makes a time that follows a clock of ours, for tests that move time. */
export function createClockTime(clock: Clock): StoreTime {
  return {
    observe: (_, answeredAt) => answeredAt,
    now: () => ({ wall: clock.now(), steady: Math.round(clock.monotonic()) }),
    at: (monotonic) => monotonic,
    errorMs: () => 0,
    jumps: () => 0,
  };
}
