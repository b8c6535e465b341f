/** Which time a store on a server goes by in a test. */
import { type Clock, systemClock } from "../../../src/time/clock.ts";

export interface StoreTime {
  clock: Clock;
  /** Not set: the database's. */
  time?: "clock";
}

/**
 * The database's, as in life, for who has the machine's clock. A clock that is only ahead of that one (`ahead` of
 * test/support/run.ts) is ahead of the database by as much. Any other clock is a world of its own.
 */
export function timeOf(clock: Clock): StoreTime {
  if (clock === systemClock) return { clock };
  if (clock.monotonic !== systemClock.monotonic) return { clock, time: "clock" };
  // What does not jump is the same for all: to the database, and to processes, it is the time since 1970.
  return { clock: { ...clock, monotonic: () => systemClock.now() }, time: "clock" };
}
