/** The SQL that asks whether an address is suppressed for a topic. */

/**
 * SQL that is true when mail of a topic that goes to `endpoint` must not be sent to `address`. Both are SQL expressions; `address`
 * is in lower case, and `endpoint` is null while nothing of the topic was claimed. What a rehearsal suppressed holds for
 * rehearsals only. Neither may speak of a table that the statement calls `hindrance`.
 */
export const suppressedSql = (address: string, endpoint: string): string =>
  `exists (select 1 from sm.suppression hindrance
    where hindrance.address = ${address} and (not hindrance.rehearsal or ${endpoint} = 'sandbox'))`;

/** SQL for an address in lower case. Only ASCII letters change, as in JavaScript code and in the job file, whatever the locale of the server. */
export const lowerSql = (address: string): string => `lower(${address} collate "C")`;
