/**
 * When a message may be sent, by the value of its `notBefore`:
 *
 * - above 0: it is scheduled for this instant of the wall clock, which a person named, and may become overdue;
 * - 0: it is due at once;
 * - from `-SCHEDULED` up: it was scheduled, and has to wait (back-off, recipient cap) until this value plus `SCHEDULED`. It may become
 *   overdue, too;
 * - below that: it was due at once, and has to wait until this value plus `UNSCHEDULED`. It never becomes overdue.
 *
 * Nobody named the end of a wait, so it is an instant of a steady clock, which does not jump when the wall clock is set. Instants are
 * whole milliseconds since the epoch.
 */

/** Subtracted from an instant, it makes the wait of a message that was due at once. */
export const UNSCHEDULED = Number.MAX_SAFE_INTEGER;
/** Subtracted from an instant, it makes the wait of a scheduled message. Instants are far below it. */
export const SCHEDULED = 2 ** 52;

/** One instant, by both clocks. */
export interface Now {
  wall: number;
  steady: number;
}

/** A range of values of `notBefore`, both ends included. It is empty when `from` is above `to`. */
export type Span = [from: number, to: number];

/** The new `notBefore` of a message that has `notBefore` and must not be sent before `instant` of the steady clock. */
export function waitUntil(notBefore: number, instant: number): number {
  const isScheduled = notBefore > 0 || (notBefore < 0 && notBefore >= -SCHEDULED);
  return instant - (isScheduled ? SCHEDULED : UNSCHEDULED);
}

/** How many milliseconds a message with this `notBefore` has to wait; 0 or less: it is due. */
export function waitMs(notBefore: number, { wall, steady }: Now): number {
  if (notBefore === 0) return 0;
  if (notBefore > 0) return notBefore - wall;
  return notBefore + (notBefore >= -SCHEDULED ? SCHEDULED : UNSCHEDULED) - steady;
}

/**
 * The messages that are due, in the order to send them: those due at once, those that had to wait, and scheduled ones that are not
 * overdue by more than `maxLateMs` (null: no limit).
 */
export function dueSpans(maxLateMs: number | null, { wall, steady }: Now): Span[] {
  return [
    [0, 0],
    [-UNSCHEDULED, steady - UNSCHEDULED],
    [earliest(maxLateMs, steady) - SCHEDULED, steady - SCHEDULED],
    [earliest(maxLateMs, wall), wall],
  ];
}

/** The scheduled messages that are overdue by more than `maxLateMs`; null: none ever is. */
export function lateSpans(maxLateMs: number | null, { wall, steady }: Now): Span[] {
  return [
    [1 - SCHEDULED, earliest(maxLateMs, steady) - 1 - SCHEDULED],
    [1, earliest(maxLateMs, wall) - 1],
  ];
}

/** The messages that will be due later: scheduled ones, and those that have to wait. */
export function laterSpans({ wall, steady }: Now): Span[] {
  return [
    [wall + 1, UNSCHEDULED],
    [steady + 1 - UNSCHEDULED, -SCHEDULED - 1],
    [steady + 1 - SCHEDULED, -1],
  ];
}

/** The earliest scheduled instant that is not too late. */
function earliest(maxLateMs: number | null, now: number): number {
  return maxLateMs === null ? 1 : Math.max(1, now - maxLateMs);
}
