/**
 * Recognises the CSV files that ses-mail writes by their headers: exports, rejected rows, suppressions. Each is read
 * back as the list it was made from. A rejected row of an export was changed twice, so the changes are undone in
 * reverse order.
 */
import { undefused } from "./formula.ts";

/** The own columns of an export in every version, newest first. The columns of the list follow them. */
export const EXPORT_HEADINGS: readonly (readonly string[])[] = [
  "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,reader_opened_at,clicked_at,unsubscribed_at",
  "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,clicked_at",
].map((heading) => heading.split(","));

/** The columns of the file that `suppress export` writes, in every version. */
export const SUPPRESSION_FIELDS = ["email", "reason", "source", "created_at", "detail"] as const;

/** The columns after these that say what is suppressed. The first versions had none of them. */
export const SCOPE_FIELDS = ["list", "scope"] as const;

/** A column more, when some of the addresses were suppressed by rehearsals. Its cells are `yes` or empty. */
export const REHEARSAL_FIELD = "rehearsal";

/**
 * The name of a column without values. A raw file has it when some of its cells look as if they had been defused, and
 * then no apostrophe is removed. It is a column name because spreadsheets do not change the header.
 */
export const RAW_MARK = "ses_mail_raw";

const REJECT_FIELDS = ["line", "reason"] as const;

/**
 * Put before the name of a list's column when it is the same as one of ours, or has this prefix and one of ours
 * already.
 */
const ESCAPE = "csv_";

const escapeFor = (names: Iterable<string>) => new RegExp(`^(?:${ESCAPE})*(?:${[...new Set(names)].join("|")})$`, "i");
const OF_EXPORT = escapeFor([...EXPORT_HEADINGS.flat(), RAW_MARK]);
const OF_REJECTS = escapeFor(REJECT_FIELDS);

/** The names of a list's columns in an export, in the same order. Names that are also ours get the prefix `csv_`. */
export function exportNames(columns: readonly string[]): string[] {
  return columns.map((column) => escaped(column, OF_EXPORT));
}

/**
 * The header of a file of rejected rows: `line`, `reason`, then `header`, in which names that are also ours get the
 * prefix `csv_`.
 */
export function rejectHeader(header: readonly string[]): string[] {
  return [...REJECT_FIELDS, ...header.map((name) => escaped(name, OF_REJECTS))];
}

function escaped(name: string, ours: RegExp): string {
  return ours.test(name) ? ESCAPE + name : name;
}

function unescaped(name: string, ours: RegExp): string {
  return name.toLowerCase().startsWith(ESCAPE) && ours.test(name) ? name.slice(ESCAPE.length) : name;
}

/** How such files begin, with any separator that a spreadsheet may have written. The groups are the separators. */
const BEGINNINGS = [REJECT_FIELDS, EXPORT_HEADINGS[0]?.slice(0, 4) ?? [], SUPPRESSION_FIELDS.slice(0, 4)].map(
  (names) => new RegExp(`^${names.map((name) => `"?${name}"?([,;\\t|])`).join("")}`),
);

/** The separator of a file that ses-mail wrote, by its first line; null for other files. */
export function ownDelimiter(head: string): string | null {
  for (const beginning of BEGINNINGS) {
    const [, first, ...others] = beginning.exec(head) ?? [];
    if (first !== undefined && others.every((each) => each === first)) return first;
  }
  return null;
}

/** How the cells of a file become the columns of its list. */
export interface Layout {
  /** How many cells at the start of a row are not part of the list: the line and reason of a rejected row. */
  skip: number;
  /** The names of the cells after these. `""`: no name. */
  header: string[];
  /** The columns of the list. */
  columns: string[];
  /** The index of the cell of each column. */
  places: number[];
  /** The index of the cell with the address; null when the file does not say it. */
  address: number | null;
  /**
   * Whether an export defused the cells (never the address). The file of rejected rows (`skip` above 0) defuses all
   * cells once more.
   */
  defused: boolean;
}

/**
 * The layout of a file with the header `names` (trimmed and in NFC). `rows` are its first rows: they tell a file of
 * rejected rows from a list that has the columns `line` and `reason` itself.
 */
export function layoutOf(names: string[], rows: readonly string[][]): Layout {
  const skip = isRejects(names, rows) ? REJECT_FIELDS.length : 0;
  const header = skip > 0 ? names.slice(skip).map((name) => unescaped(undefused(name), OF_REJECTS)) : names;
  return { skip, header, ...columnsOf(header) };
}

function columnsOf(header: string[]): Pick<Layout, "columns" | "places" | "address" | "defused"> {
  const raw = header.indexOf(RAW_MARK);
  const ours = exportColumns(header);
  const named = [...header.keys()].filter((at) => header[at] !== "");
  if (ours === null) {
    const isOurs = SUPPRESSION_FIELDS.every((name) => header.includes(name));
    const places = isOurs ? named.filter((at) => at !== raw) : named;
    const address = isOurs ? header.indexOf("email") : null;
    return { columns: places.map((at) => header[at] ?? ""), places, address, defused: isOurs && raw < 0 };
  }
  const [address = 0] = ours;
  const own = named.filter((at) => at !== raw && !ours.includes(at));
  const defused = raw < 0;
  const nameOf = (at: number) => (defused ? undefused(header[at] ?? "") : (header[at] ?? ""));
  const columns = own.map((at) => unescaped(nameOf(at), OF_EXPORT));
  // The address becomes the column `email`, unless the list has another column of that name.
  if (columns.some((column) => column.toLowerCase() === "email")) return { columns, places: own, address, defused };
  return { columns: ["email", ...columns], places: [address, ...own], address, defused };
}

/**
 * The indexes of our columns in an export: all at the front in order, or moved to any place. Null when it is no export.
 */
function exportColumns(header: string[]): number[] | null {
  const run = EXPORT_HEADINGS.find((names) => names.every((name, index) => header[index] === name));
  if (run) return [...run.keys()];
  const moved = EXPORT_HEADINGS.find((names) => names.every((name) => header.includes(name)));
  return moved ? moved.map((name) => header.indexOf(name)) : null;
}

/** Whether a header begins like a file of rejected rows, so that `layoutOf` needs rows to decide. */
export function beginsAsRejects(names: readonly string[]): boolean {
  return REJECT_FIELDS.every((name, index) => names[index] === name);
}

/**
 * In a file of rejected rows the line is a number and the reason a sentence. Somebody who corrects rows may empty both.
 */
function isRejects(names: string[], rows: readonly string[][]): boolean {
  if (!beginsAsRejects(names)) return false;
  const rest = names.slice(REJECT_FIELDS.length);
  if (rest.some((name) => name !== "" && escaped(name, OF_REJECTS) !== name)) return true;
  const filled = rows.filter(([line = "", reason = ""]) => line.trim() !== "" || reason.trim() !== "");
  const fitting = filled.filter(([line = "", reason = ""]) => /^\d*$/.test(line) && /^$|\S\s+\S/.test(reason.trim()));
  return fitting.length * 2 >= filled.length;
}
