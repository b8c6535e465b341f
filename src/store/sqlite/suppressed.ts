/** The SQL that asks whether an address is suppressed for a topic. */

/**
 * SQL that is true when mail of a topic that goes to `endpoint` must not be sent to `address`. Both are SQL expressions; `address`
 * is in lower case, and `endpoint` is null while nothing of the topic was claimed. What a rehearsal suppressed holds for
 * rehearsals only.
 */
export const suppressedSql = (address: string, endpoint: string): string =>
  `exists (select 1 from suppression where address = ${address} and (rehearsal = 0 or ${endpoint} is 'sandbox'))`;
