/** The rule of `rules/due.ts` about waiting, in SQL. */
import { UNSCHEDULED } from "../rules/due.ts";

/**
 * SQL for `waitUntil` of `rules/due.ts`: the new `not_before` of a message that must not be sent before `instant`, which is an SQL
 * expression of whole milliseconds since the epoch.
 */
export const waitUntilSql = (instant: string): string =>
  `case when not_before <= 0 then ${instant} - ${UNSCHEDULED} else ${instant} end`;
