/** The SQL that asks whether an address is suppressed for a mail. */
import { type Content, type Kind, kindOf } from "../../message.ts";
import type { Endpoint } from "../rows.ts";
import { ALL_BULK, EVERYTHING_LIST } from "../rules/suppress.ts";
import { FORGOTTEN, forgottenAddress } from "../rules/forgotten.ts";
import type { Connection } from "./connection.ts";

/** SQL expressions: the list of a mail (null: none), and its kind. They are evaluated for suppressed addresses only. */
export interface MailSql {
  list: string;
  kind: string;
}

/** The list and the kind of mail with the content of this id, which is a SQL expression. */
export const mailWith = (contentId: string): MailSql => ({
  list: `(select content.list from content where content.id = ${contentId})`,
  kind: `(select content.kind from content where content.id = ${contentId})`,
});

/** SQL for `stops` of rules/suppress.ts, but for rehearsals. `list` and `reason` are those of the suppression, as SQL expressions. */
export const concernsSql = ({ list, reason }: { list: string; reason: string }, mail: MailSql): string =>
  `(${list} = '${EVERYTHING_LIST}' or ${list} = ${mail.list} or (${list} = '${ALL_BULK}' and ${mail.kind} = 'bulk'))
   and (${reason} <> 'unsubscribe' or ${mail.kind} = 'bulk')`;

/** SQL that is true when somebody was forgotten. It is evaluated once for a statement. */
export const ANY_FORGOTTEN = `exists (select 1 from suppression
  where address >= '${FORGOTTEN}' and address < '${FORGOTTEN.slice(0, -1)};')`;

/**
 * SQL that is true when mail of a topic that goes to `endpoint` must not be sent to `address`. Both are SQL expressions; `address`
 * is in lower case, and `endpoint` is null while nothing of the topic was claimed. What a rehearsal suppressed holds for
 * rehearsals only. No expression may speak of a table that the statement calls `hindrance`.
 */
export const suppressedSql = (address: string, endpoint: string, mail: MailSql): string =>
  `(${namedSql(address, endpoint, mail)} or (${ANY_FORGOTTEN} and ${forgottenSql(address)}))`;

const namedSql = (address: string, endpoint: string, mail: MailSql): string =>
  `exists (select 1 from suppression hindrance where hindrance.address = ${address}
     and (hindrance.rehearsal = 0 or ${endpoint} is 'sandbox')
     and ${concernsSql({ list: "hindrance.list", reason: "hindrance.reason" }, mail)})`;

/** SQL that is true when somebody with this address was forgotten. It makes a hash for each row. */
export const forgottenSql = (address: string): string =>
  `exists (select 1 from suppression hindrance where hindrance.address = forgotten_address(${address}))`;

/** Makes a function that says whether somebody with one of these addresses, in lower case, was forgotten. */
export function createForgottenCheck(db: Connection): (addresses: readonly string[]) => boolean {
  const any = db.prepare<[], 0 | 1>(`select ${ANY_FORGOTTEN}`).pluck();
  const one = db.prepare<[string], 0 | 1>(`select ${forgottenSql("?")}`).pluck();
  return (addresses) => any.get() === 1 && addresses.some((address) => one.get(address) === 1);
}

/** Gives statements the function `forgotten_address`. To be called before any of them is prepared. */
export function registerForgotten(db: Connection, jobId: string): void {
  db.function("forgotten_address", { deterministic: true }, (address) => forgottenAddress(jobId, String(address)));
}

/**
 * Makes a function to be called when a transaction begins. What it returns says for the time of that transaction whether addresses, in
 * lower case, are suppressed for mail of a content that goes to `endpoint`.
 */
export function createSuppressedCheck(
  db: Connection,
): () => (content: Content, endpoint: Endpoint) => (address: string) => boolean {
  const given = "(select ? as address, ? as endpoint, ? as list, ? as kind) given";
  const mail = { list: "given.list", kind: "given.kind" };
  type Given = [address: string, endpoint: Endpoint, list: string | null, kind: Kind];
  const asked = namedSql("given.address", "given.endpoint", mail);
  const named = db.prepare<Given, 0 | 1>(`select ${asked} from ${given}`).pluck();
  const forgotten = db.prepare<[string], 0 | 1>(`select ${forgottenSql("?")}`).pluck();
  const any = db.prepare<[], 0 | 1>(`select ${ANY_FORGOTTEN}`).pluck();
  return () => {
    const anyForgotten = any.get() === 1;
    return (content, endpoint) => {
      const [list, kind] = [content.list ?? null, kindOf(content)];
      return (address) =>
        named.get(address, endpoint, list, kind) === 1 || (anyForgotten && forgotten.get(address) === 1);
    };
  };
}
