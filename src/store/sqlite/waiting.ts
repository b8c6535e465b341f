/** The rule of `rules/due.ts` about waiting, in SQL. */
import { SCHEDULED, UNSCHEDULED } from "../rules/due.ts";

/**
 * SQL for `waitUntil` of `rules/due.ts`: the new `not_before` of a message that must not be sent before `instant`, which is an SQL
 * expression of whole milliseconds of the steady clock.
 */
export const waitUntilSql = (instant: string): string =>
  `${instant} - case when not_before > 0 or (not_before < 0 and not_before >= ${-SCHEDULED}) then ${SCHEDULED} else ${UNSCHEDULED} end`;
