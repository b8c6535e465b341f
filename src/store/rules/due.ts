/**
 * When a message may go, by its `notBefore`. Scheduled messages hold the instant they were scheduled for, above 0; one that goes at
 * once holds 0. A message that goes at once and has to wait all the same (back-off, cap of its recipient) holds its instant below 0,
 * on a scale of its own: it is due at it, and can never be overdue, as scheduled ones can.
 *
 * Instants are whole milliseconds since the epoch.
 */

/** What is taken from an instant to put it below 0. */
export const UNSCHEDULED = Number.MAX_SAFE_INTEGER;

/** Values of `notBefore`, both ends included; empty when `from` is above `to`. */
export type Span = [from: number, to: number];

/** `notBefore` of a message that must not go before `instant`, and held `notBefore` until now. */
export function waitUntil(notBefore: number, instant: number): number {
  return notBefore <= 0 ? instant - UNSCHEDULED : instant;
}

/** When a message that waits falls due; 0: at once. */
export function dueAt(notBefore: number): number {
  return notBefore < 0 ? notBefore + UNSCHEDULED : notBefore;
}

/** What is due, in the order it is to go: at once; at once but held up until now; scheduled, and not too late. */
export function dueSpans(maxLateMs: number | null, now: number): Span[] {
  return [
    [0, 0],
    [-UNSCHEDULED, now - UNSCHEDULED],
    [earliest(maxLateMs, now), now],
  ];
}

/** What was scheduled and is overdue by more than `maxLateMs`; null: nothing is ever too late. */
export function lateSpan(maxLateMs: number | null, now: number): Span {
  return [1, earliest(maxLateMs, now) - 1];
}

/** What will be due: scheduled; at once but held up. */
export function laterSpans(now: number): Span[] {
  return [
    [now + 1, UNSCHEDULED],
    [now + 1 - UNSCHEDULED, -1],
  ];
}

/** Scheduled messages before this instant are too late; others never are. */
function earliest(maxLateMs: number | null, now: number): number {
  return maxLateMs === null ? 1 : Math.max(1, now - maxLateMs);
}
