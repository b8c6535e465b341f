/** Writes a topic as CSV, one line for each recipient: what `export` gives. */
import { csvLine } from "../compose/list/csv-writer.ts";
import { looksDefused } from "../compose/list/formula.ts";
import { findName } from "../compose/list/name.ts";
import { exportNames, RAW_MARK } from "../compose/list/own-files.ts";
import type { State } from "../message.ts";

/**
 * The first columns of every export, in order. Scripts rely on the names and the order. `EXPORT_HEADINGS`
 * (compose/list/own-files.ts) keeps every set there ever was.
 */
export const EXPORT_FIELDS = [
  "email",
  "state",
  "attempts",
  "ses_message_id",
  "error",
  "sent_at",
  "delivered_at",
  "bounced_at",
  "bounce_type",
  "bounce_subtype",
  "complained_at",
  "opened_at",
  "reader_opened_at",
  "clicked_at",
  "unsubscribed_at",
] as const;

type Field = (typeof EXPORT_FIELDS)[number];

/** One recipient of a topic. Times are in ISO 8601 and UTC, null when it did not happen. */
export type ExportRow = { email: string; state: State; attempts: number } & Record<
  Exclude<Field, "email" | "state" | "attempts">,
  string | null
> & {
    /** The recipient's own columns by name. */
    fields: Record<string, string>;
  };

/** What must be known about all rows before the heading is written. */
export interface ExportSurvey {
  /**
   * True when the list has a column called `email` (in any case) that somewhere says something else than the address.
   */
  ownEmail: boolean;
  /** True when a cell would be taken for a neutralised one. The heading of a raw export must then say that none is. */
  ambiguous: boolean;
}

type SurveyedRow = Pick<ExportRow, "email" | "error" | "fields">;

/** Those of the list's columns whose values the export leaves out where they only repeat the addresses. */
export function emailColumns(columns: readonly string[]): string[] {
  return columns.filter((column) => isEmail(column.normalize("NFC")));
}

/** Reads the pages of rows as far as needed to know. `columns` are the list's own; `raw` as in `exportLines`. */
export async function surveyExport(
  pages: AsyncIterable<readonly SurveyedRow[]> | Iterable<readonly SurveyedRow[]>,
  columns: string[],
  { raw = false } = {},
): Promise<ExportSurvey> {
  const own = ownColumns(columns);
  const emails = own.filter(isEmail);
  const survey = { ownEmail: false, ambiguous: raw && own.some(looksDefused) };
  const isDone = () => (survey.ownEmail || emails.length === 0) && (survey.ambiguous || !raw);
  if (isDone()) return survey;
  for await (const rows of pages) {
    for (const row of rows) {
      survey.ownEmail ||= emails.some((column) => valueOf(row, column) !== row.email);
      survey.ambiguous ||= raw && [row.error ?? "", ...own.map((column) => valueOf(row, column))].some(looksDefused);
      if (isDone()) return survey;
    }
  }
  return survey;
}

/**
 * The CSV of an export, page by page, with the heading first: `EXPORT_FIELDS`, then the list's own `columns`. It is
 * again a valid recipients file that makes the same mail (compose/list/own-files.ts). So a column `email` of the list
 * is left out when it says nothing new, and columns with one of our names get `csv_` in front. `raw` writes cells as
 * they are, also those that a spreadsheet would run.
 */
export async function* exportLines(
  pages: AsyncIterable<readonly ExportRow[]> | Iterable<readonly ExportRow[]>,
  columns: string[],
  { raw = false, survey }: { raw?: boolean; survey?: ExportSurvey } = {},
): AsyncGenerator<string> {
  const own = ownColumns(columns).filter((column) => survey?.ownEmail || !isEmail(column));
  const mark = raw && survey?.ambiguous ? [RAW_MARK] : [];
  const unmarked = mark.map(() => "");
  const cells = { raw, trusted: EXPORT_FIELDS.indexOf("email") };
  yield csvLine([...EXPORT_FIELDS, ...mark, ...exportNames(own)], cells);
  for await (const rows of pages) {
    let lines = "";
    for (const row of rows) {
      const known = EXPORT_FIELDS.map((field) => String(row[field] ?? ""));
      lines += csvLine([...known, ...unmarked, ...own.map((column) => valueOf(row, column))], cells);
    }
    yield lines;
  }
}

/** Each name once: older versions kept a name in every Unicode spelling that a list used. */
function ownColumns(columns: string[]): string[] {
  return [...new Set(columns.map((column) => column.normalize("NFC")))];
}

function isEmail(column: string): boolean {
  return column.toLowerCase() === "email";
}

/** Lists of one topic may spell a column differently. A template takes `Name` for `name`, so the export does, too. */
function valueOf({ fields, email }: SurveyedRow, column: string): string {
  if (Object.hasOwn(fields, column)) return fields[column] ?? "";
  const names = Object.keys(fields);
  const name = names[findName(column, names.map((each) => each.normalize("NFC")))]; // prettier-ignore
  return (name === undefined ? undefined : fields[name]) ?? (isEmail(column) ? email : "");
}
