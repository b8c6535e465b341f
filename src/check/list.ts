/** Checks the recipients row by row. Each mail is rendered, and none is kept. */
import type { RejectedRow } from "../compose/list/csv-writer.ts";
import { placeholdersIn } from "../compose/content/left-over.ts";
import { Examiner } from "../compose/mail/folder-files.ts";
import { LEFT_HINT, LeftRows } from "../compose/list/left.ts";
import { RenderProblem } from "../compose/problem.ts";
import type { Recipients, Row } from "../compose/list/recipients.ts";
import type { CompiledContent } from "../compose/mail/template.ts";
import type { RenderedMail } from "../message.ts";
import type { ListForecast } from "../store/rows.ts";
import type { Sample } from "./content.ts";
import { count, counted } from "../counted.ts";
import { Examples, type Finding, finding } from "./finding.ts";
import { domainOf } from "./identity.ts";
import { isRole, likelyMeant } from "./providers.ts";

const SIMULATOR = "@simulator.amazonses.com";

/** Takes every row once and counts what `check` reports. Memory does not grow with the list. */
export class ListCheck {
  rows = 0;
  /** The mail of the first valid row, with the largest sizes of all rows; null when no row is valid yet. */
  sample: Sample | null = null;
  readonly rejects = new Examples();
  readonly placeholders = new Examples();
  readonly roles = new Examples();
  readonly typos = new Examples();
  readonly unverified = new Examples();
  readonly left: LeftRows;
  readonly #content: CompiledContent;
  readonly #columns: string[];
  readonly #examiner = new Examiner();
  readonly #mayReceive: (address: string) => boolean;

  /**
   * `verified`: the identities that an account in the SES sandbox may send to; null when it may send to everybody.
   * @throws UserError when the content uses a column that the list does not have.
   */
  constructor(content: CompiledContent, { columns }: Pick<Recipients, "columns">, verified: string[] | null) {
    this.#content = content;
    this.#columns = columns;
    this.left = new LeftRows(columns);
    content.check(columns);
    this.#mayReceive = verified === null ? () => true : receivesIn(verified);
  }

  /** Checks the next row. Gives its address, or null when the row would be rejected. */
  take(row: Row): string | null {
    this.rows++;
    if ("reason" in row) return this.#reject(row);
    const rendered = this.#render(row);
    if ("reason" in rendered) return this.#reject({ ...row, reason: rendered.reason });
    this.#lookAt(row, rendered.mail, rendered.fileBytes);
    return row.address;
  }

  #reject({ line, reason }: RejectedRow): null {
    this.rejects.add(`line ${line}: ${reason}`);
    return null;
  }

  #render({
    fields,
    address,
  }: Extract<Row, { address: string }>): { mail: RenderedMail; fileBytes: number } | { reason: string } {
    const values = Object.fromEntries(this.#columns.map((column, index) => [column, fields[index] ?? ""]));
    try {
      const mail = this.#content.render(address, values);
      return { mail, fileBytes: this.#examiner.examine(mail).bytes };
    } catch (error) {
      if (error instanceof RenderProblem) return { reason: error.message };
      throw error;
    }
  }

  #lookAt({ line, address, fields }: Extract<Row, { address: string }>, mail: RenderedMail, fileBytes: number): void {
    const left = placeholderIn(mail);
    if (left !== null) this.placeholders.add(`line ${line}: ${left}`);
    this.left.take(fields);
    if (isRole(address)) this.roles.add(address);
    const meant = likelyMeant(domainOf(address));
    if (meant !== null) this.typos.add(`${address} (${meant}?)`);
    if (!this.#mayReceive(address)) this.unverified.add(address);
    const htmlBytes = Buffer.byteLength(mail.html);
    const { sample } = this;
    this.sample = {
      mail: sample?.mail ?? mail,
      htmlBytes: Math.max(sample?.htmlBytes ?? 0, htmlBytes),
      fileBytes: Math.max(sample?.fileBytes ?? 0, fileBytes),
      subject: mail.subject.length > (sample?.subject.length ?? 0) ? mail.subject : (sample?.subject ?? ""),
    };
  }
}

/** A verified domain covers its addresses and the domains below it. Anybody may send to the mailbox simulator. */
function receivesIn(verified: string[]): (address: string) => boolean {
  const names = new Set(verified);
  return (address) => {
    if (names.has(address) || address.endsWith(SIMULATOR)) return true;
    const labels = domainOf(address).split(".");
    return labels.some((_, index) => names.has(labels.slice(index).join(".")));
  };
}

function placeholderIn({ subject, html, text, headers }: RenderedMail): string | null {
  for (const part of [subject, text, html, ...headers.map(({ value }) => value)]) {
    const [found] = placeholdersIn(part);
    if (found !== undefined) return JSON.stringify(found);
  }
  return null;
}

/** What would become of the rows of a list that are no mistakes. */
export type ForeseenCounts = Omit<ListForecast, "first">;

/** The findings about the list, after all rows were taken. `counts` is what an import of it would do. */
export function listFindings(list: ListCheck, counts: ForeseenCounts): Finding[] {
  const summary = `${counted(list.rows, "row")}, ${count(counts.added)} to be written to`;
  return [
    finding("ok", "recipients.rows", summary),
    ...rejected(list.rejects),
    ...placeholders(list.placeholders),
    ...unverified(list.unverified),
    ...left(list.left),
    ...typos(list.typos),
    ...roles(list.roles),
    ...duplicates(counts),
    ...suppressed(counts.suppressed),
  ];
}

function rejected(rows: Examples): Finding[] {
  if (rows.count === 0) return [];
  const message = `${counted(rows.count, "row")} would be refused: ${rows.text}`;
  return [
    finding("error", "recipients.rejected", message, "correct them; send leaves them out and lists them in a file"),
  ];
}

function placeholders(mails: Examples): Finding[] {
  if (mails.count === 0) return [];
  const message = `${counted(mails.count, "mail")} would show a placeholder: ${mails.text}`;
  return [finding("error", "recipients.placeholders", message, "correct the content, or the values in the list")];
}

function unverified(addresses: Examples): Finding[] {
  if (addresses.count === 0) return [];
  const message = `${counted(addresses.count, "recipient")} not verified, which the SES sandbox refuses: ${addresses.text}`;
  return [finding("error", "recipients.unverified", message, "verify them, or ask for production access")];
}

function left({ text }: LeftRows): Finding[] {
  return text === null ? [] : [finding("warning", "recipients.left", text, LEFT_HINT)];
}

function typos(addresses: Examples): Finding[] {
  if (addresses.count === 0) return [];
  const message = `${counted(addresses.count, "likely typo")} in the domain: ${addresses.text}`;
  return [finding("warning", "recipients.typos", message, "correct them: each is likely to bounce")];
}

function roles(addresses: Examples): Finding[] {
  if (addresses.count === 0) return [];
  const message = `${counted(addresses.count, "address", "addresses")} of a function instead of a person: ${addresses.text}`;
  return [finding("warning", "recipients.roles", message, "did they ask for this mail? such addresses complain more")];
}

function duplicates({ known, repeated }: ForeseenCounts): Finding[] {
  const facts = [
    ...(known > 0 ? [`${count(known)} in the topic already`] : []),
    ...(repeated > 0 ? [counted(repeated, "duplicate")] : []),
  ];
  if (facts.length === 0) return [];
  return [finding("info", "recipients.duplicates", `${facts.join(", ")}: nobody is written to twice`)];
}

function suppressed(count: number): Finding[] {
  if (count === 0) return [];
  return [
    finding(
      "info",
      "recipients.suppressed",
      `${counted(count, "suppressed address", "suppressed addresses")} will not be written to`,
    ),
  ];
}
