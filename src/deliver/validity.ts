import type { Clock } from "../time/clock.ts";

/** One instant on both clocks, ms. */
export interface Instant {
  monotonic: number;
  wall: number;
}

/** Now. */
export function instantOf(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/**
 * True: less than `ms` have passed since then, whichever clock is asked. The monotonic one stands still while the machine sleeps; the
 * wall clock may be set back.
 */
export function isWithin(clock: Clock, since: Instant, ms: number): boolean {
  return clock.monotonic() - since.monotonic < ms && clock.now() - since.wall < ms;
}
