/** The SQL that asks whether an address is suppressed for a mail. */
import { FORGOTTEN } from "../rules/forgotten.ts";
import { ALL_BULK, EVERYTHING_LIST } from "../rules/suppress.ts";

/** SQL expressions: the list of a mail (null: none), and its kind. They are evaluated for suppressed addresses only. */
export interface MailSql {
  list: string;
  kind: string;
}

/** The list and the kind of mail with the content of this id, which is a SQL expression. */
export const mailWith = (contentId: string): MailSql => ({
  list: `(select list from sm.content where id = ${contentId} limit 1)`,
  kind: `(select kind from sm.content where id = ${contentId} limit 1)`,
});

/** SQL for `stops` of rules/suppress.ts, but for rehearsals. `name` is what the statement calls the suppression. */
export const concernsSql = (name: string, mail: MailSql): string =>
  `(${name}.list = '${EVERYTHING_LIST}' or ${name}.list = ${mail.list}
     or (${name}.list = '${ALL_BULK}' and ${mail.kind} = 'bulk'))
   and (${name}.reason <> 'unsubscribe' or ${mail.kind} = 'bulk')`;

/** SQL that is true for the address of somebody who was forgotten. */
const isHash = (address: string): string =>
  `${address} >= '${FORGOTTEN}' and ${address} < '${FORGOTTEN.slice(0, -1)};'`;

/** SQL that is true when somebody was forgotten. It is evaluated once for a statement. */
export const ANY_FORGOTTEN = `exists (select 1 from sm.suppression where ${isHash("address")})`;

/** SQL for `forgottenAddress` of rules/forgotten.ts. The address is a SQL expression, in lower case. */
export const forgottenAddressSql = (address: string): string =>
  `'${FORGOTTEN}' || encode(sha256(convert_to((select j.id from sm.job j) || ':' || ${address}, 'UTF8')), 'hex')`;

/**
 * SQL that is true when somebody with this address was forgotten. It makes a hash for each row. With a limit, no planner reads a whole
 * table for it.
 */
export const forgottenSql = (address: string): string =>
  `(select true from sm.suppression hindrance where hindrance.address = ${forgottenAddressSql(address)} limit 1) is true`;

/**
 * SQL that is true when mail of a topic that goes to `endpoint` must not be sent to `address`. Both are SQL expressions; `address`
 * is in lower case, and `endpoint` is null while nothing of the topic was claimed. What a rehearsal suppressed holds for
 * rehearsals only. No expression may speak of a table that the statement calls `hindrance`.
 */
export const suppressedSql = (address: string, endpoint: string, mail: MailSql): string =>
  `(exists (select 1 from sm.suppression hindrance
     where hindrance.address = ${address} and (not hindrance.rehearsal or ${endpoint} = 'sandbox')
       and ${concernsSql("hindrance", mail)})
   or (${ANY_FORGOTTEN} and ${forgottenSql(address)}))`;

/**
 * SQL for an address in lower case. Only ASCII letters change, as in JavaScript code and in the job file, whatever the locale of the
 * server.
 */
export const lowerSql = (address: string): string => `lower(${address} collate "C")`;
