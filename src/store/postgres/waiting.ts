/** The rule of `rules/due.ts` about waiting, in SQL. */
import { SCHEDULED, UNSCHEDULED } from "../rules/due.ts";

/**
 * SQL for `waitUntil` of `rules/due.ts`: the new `not_before` of message `m` that must not be sent before `instant`, which is an SQL
 * expression of whole milliseconds of the steady clock.
 */
export const waitUntilSql = (instant: string): string =>
  `${instant} - case when m.not_before > 0 or (m.not_before < 0 and m.not_before >= ${-SCHEDULED}) then ${SCHEDULED} else ${UNSCHEDULED} end`;
