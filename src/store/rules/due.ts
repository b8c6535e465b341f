/**
 * When a message may be sent, by the value of its `notBefore`:
 *
 * - above 0: it is scheduled for this instant, and may become overdue;
 * - 0: it is due at once;
 * - below 0: it was due at once and has to wait (back-off, recipient cap) until this value plus `UNSCHEDULED`. The scale of its own
 *   keeps it from ever being taken for a scheduled message that is overdue.
 *
 * Instants are whole milliseconds since the epoch.
 */

import { NO_TOPIC } from "../../message.ts";

/** Subtracted from an instant to put it below 0. */
export const UNSCHEDULED = Number.MAX_SAFE_INTEGER;

/** A range of values of `notBefore`, both ends included. It is empty when `from` is above `to`. */
export type Span = [from: number, to: number];

/** The new `notBefore` of a message that has `notBefore` and must not be sent before `instant`. */
export function waitUntil(notBefore: number, instant: number): number {
  return notBefore <= 0 ? instant - UNSCHEDULED : instant;
}

/** The instant at which a message with this `notBefore` falls due; 0: at once. */
export function dueAt(notBefore: number): number {
  return notBefore < 0 ? notBefore + UNSCHEDULED : notBefore;
}

/**
 * The messages that are due, in the order to send them: those due at once, those that had to wait, and scheduled ones that are not
 * overdue by more than `maxLateMs` (null: no limit).
 */
export function dueSpans(maxLateMs: number | null, now: number): Span[] {
  return [
    [0, 0],
    [-UNSCHEDULED, now - UNSCHEDULED],
    [earliest(maxLateMs, now), now],
  ];
}

/** The scheduled messages that are overdue by more than `maxLateMs`; null: none ever is. */
export function lateSpan(maxLateMs: number | null, now: number): Span {
  return [1, earliest(maxLateMs, now) - 1];
}

/** The messages that will be due later: scheduled ones, and those that have to wait. */
export function laterSpans(now: number): Span[] {
  return [
    [now + 1, UNSCHEDULED],
    [now + 1 - UNSCHEDULED, -1],
  ];
}

/**
 * The time that each new topic of a request gets: that of its earliest message, or null when one of them goes at once. Messages
 * without a topic give none.
 */
export function topicTimes(
  messages: readonly { topic: string | null; notBefore: number }[],
): Map<string | null, number | null> {
  const times = new Map<string | null, number | null>();
  for (const { topic, notBefore } of messages) {
    const known = times.get(topic);
    if (topic === null || topic === NO_TOPIC || notBefore === 0 || known === null) times.set(topic, null);
    else times.set(topic, Math.min(known ?? notBefore, notBefore));
  }
  return times;
}

/** The earliest scheduled instant that is not too late. */
function earliest(maxLateMs: number | null, now: number): number {
  return maxLateMs === null ? 1 : Math.max(1, now - maxLateMs);
}
