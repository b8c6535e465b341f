/**
 * Messages that were never scheduled but have to wait (back-off, cap of their recipient) keep their instant in `not_before`
 * on a scale of its own, below 0: they are due at it, and can never be overdue, as scheduled ones can.
 */
export const UNSCHEDULED = Number.MAX_SAFE_INTEGER;

/** SQL: `not_before` of a message that may not go before `instant` (an expression). */
export const waitUntil = (instant: string) =>
  `case when not_before <= 0 then ${instant} - ${UNSCHEDULED} else ${instant} end`;
