import { csvLine } from "../compose/csv.ts";
import type { State } from "../message.ts";

/** The first columns of every export, in order; scripts rely on names and order. */
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

/**
 * The CSV of an export, line by line, the heading first: `EXPORT_FIELDS`, then the recipients' own `columns`. It is
 * again a valid recipients file: `email` is the address, and no two columns have the same name. So the own column
 * `email` (in any case) is left out, and any other name that is taken gets `csv_` in front. `raw` leaves cells alone
 * that a spreadsheet would run.
 */
export async function* exportLines(
  rows: AsyncIterable<ExportRow> | Iterable<ExportRow>,
  columns: string[],
  options: { raw?: boolean } = {},
): AsyncGenerator<string> {
  const own = columns.filter((column) => column.toLowerCase() !== "email");
  const cells = { ...options, trusted: EXPORT_FIELDS.indexOf("email") };
  yield csvLine([...EXPORT_FIELDS, ...freeNames(own)], cells);
  for await (const row of rows) {
    const known = EXPORT_FIELDS.map((field) => cell(row, field));
    yield csvLine([...known, ...own.map((column) => row.fields[column] ?? "")], cells);
  }
}

/**
 * Case does not tell two columns apart, as it does not when a recipients file is read. Names that are free stay as they
 * are: in the export of an imported export, `csv_state` is still the recipient's own state.
 */
function freeNames(columns: string[]): string[] {
  const taken = new Set<string>(EXPORT_FIELDS);
  const kept = new Set(columns.filter((column) => take(taken, column)));
  return columns.map((column) => {
    if (kept.has(column)) return column;
    let name = `csv_${column}`;
    while (!take(taken, name)) name = `csv_${name}`;
    return name;
  });
}

function take(taken: Set<string>, name: string): boolean {
  const free = !taken.has(name.toLowerCase());
  taken.add(name.toLowerCase());
  return free;
}

function cell(row: ExportRow, field: Field): string {
  const value = row[field];
  if (value === null) return "";
  return isTime(field) ? new Date(value).toISOString() : String(value);
}

function isTime(field: Field): field is Time {
  return field.endsWith("_at");
}
