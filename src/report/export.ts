import { csvLine } from "../compose/list/csv.ts";
import { looksDefused } from "../compose/list/formula.ts";
import { findName } from "../compose/list/name.ts";
import { exportNames, RAW_MARK } from "../compose/list/own-files.ts";
import type { State } from "../message.ts";

/** The first columns of every export, in order; scripts rely on names and order. `EXPORT_HEADINGS` has every set there ever was. */
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
  "clicked_at",
] as const;

type Field = (typeof EXPORT_FIELDS)[number];
type Time = Extract<Field, `${string}_at`>;
type Text = Exclude<Field, Time | "email" | "state" | "attempts">;

/** One recipient of a topic. Times are milliseconds since the epoch; null is what did not happen. */
export type ExportRow = { email: string; state: State; attempts: number } & Record<Text, string | null> &
  Record<Time, number | null> & {
    /** The recipient's own columns by name. */
    fields: Record<string, string>;
  };

/** What has to be known of all rows before the heading is written. */
export interface ExportSurvey {
  /** Whether an own column called `email` (in any case) says something else than the address somewhere. */
  ownEmail: boolean;
  /** Whether a cell would be taken for a defused one: the heading of a raw export has to say that it is none. */
  ambiguous: boolean;
}

type SurveyedRow = Pick<ExportRow, "email" | "error" | "fields">;

/** Looks through the rows, not further than necessary. */
export async function surveyExport(
  rows: AsyncIterable<SurveyedRow> | Iterable<SurveyedRow>,
  columns: string[],
  { raw = false } = {},
): Promise<ExportSurvey> {
  const own = ownColumns(columns);
  const emails = own.filter(isEmail);
  const survey = { ownEmail: false, ambiguous: raw && own.some(looksDefused) };
  const isDone = () => (survey.ownEmail || emails.length === 0) && (survey.ambiguous || !raw);
  if (isDone()) return survey;
  for await (const row of rows) {
    survey.ownEmail ||= emails.some((column) => valueOf(row, column) !== row.email);
    survey.ambiguous ||= raw && [row.error ?? "", ...own.map((column) => valueOf(row, column))].some(looksDefused);
    if (isDone()) break;
  }
  return survey;
}

/**
 * The CSV of an export, line by line, the heading first: `EXPORT_FIELDS`, then the recipients' own `columns`. It is again a
 * valid recipients file that makes the same mail (`compose/own-files.ts`). So an own column `email` is left out where it
 * says nothing new, and names that are ours get `csv_` in front. `raw` leaves cells alone that a spreadsheet would run.
 */
export async function* exportLines(
  rows: AsyncIterable<ExportRow> | Iterable<ExportRow>,
  columns: string[],
  { raw = false, survey }: { raw?: boolean; survey?: ExportSurvey } = {},
): AsyncGenerator<string> {
  const own = ownColumns(columns).filter((column) => survey?.ownEmail || !isEmail(column));
  const mark = raw && survey?.ambiguous ? [RAW_MARK] : [];
  const unmarked = mark.map(() => "");
  const cells = { raw, trusted: EXPORT_FIELDS.indexOf("email") };
  yield csvLine([...EXPORT_FIELDS, ...mark, ...exportNames(own)], cells);
  for await (const row of rows) {
    const known = EXPORT_FIELDS.map((field) => cell(row, field));
    yield csvLine([...known, ...unmarked, ...own.map((column) => valueOf(row, column))], cells);
  }
}

/** Each name once: lists of older versions may have had it in several spellings (Unicode). */
function ownColumns(columns: string[]): string[] {
  return [...new Set(columns.map((column) => column.normalize("NFC")))];
}

function isEmail(column: string): boolean {
  return column.toLowerCase() === "email";
}

/** Lists that went into one topic may call a column differently: a template takes `Name` for `name`, so that goes for all. */
function valueOf({ fields, email }: SurveyedRow, column: string): string {
  if (Object.hasOwn(fields, column)) return fields[column] ?? "";
  const names = Object.keys(fields);
  const name = names[findName(column, names.map((each) => each.normalize("NFC")))]; // prettier-ignore
  return (name === undefined ? undefined : fields[name]) ?? (isEmail(column) ? email : "");
}

function cell(row: ExportRow, field: Field): string {
  const value = row[field];
  if (value === null) return "";
  return isTime(field) ? new Date(value).toISOString() : String(value);
}

function isTime(field: Field): field is Time {
  return field.endsWith("_at");
}
