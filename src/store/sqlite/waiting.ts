import { UNSCHEDULED } from "../rules/due.ts";

/**
 * SQL for `waitUntil` of rules/due.ts: the `not_before` of a message that must not go before `instant`, an expression of whole
 * milliseconds since the epoch.
 */
export const waitUntilSql = (instant: string): string =>
  `case when not_before <= 0 then ${instant} - ${UNSCHEDULED} else ${instant} end`;
