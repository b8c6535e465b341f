/** How long something holds, by two clocks. */
import type { Clock } from "../time/clock.ts";

/** One instant on both clocks, in ms. */
export interface Instant {
  monotonic: number;
  wall: number;
}

/** The present instant. */
export function instantOf(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/**
 * True when less than `ms` have passed since then by both clocks. One is not enough: the monotonic clock may stand still while
 * the machine sleeps, and the wall clock may be set back.
 */
export function isWithin(clock: Clock, since: Instant, ms: number): boolean {
  return clock.monotonic() - since.monotonic < ms && clock.now() - since.wall < ms;
}
