/**
 * The CSV files that ses-mail writes, recognised by their headers: exports, rejected rows, suppressions. Each is read back as
 * the list it was made of. What has to be undone is undone in the order opposite to that in which it was done: a rejected row
 * of an export has been through two of them.
 */
import { undefused } from "./formula.ts";

/** Every heading an export ever had, newest first; the columns of the list follow. */
export const EXPORT_HEADINGS: readonly (readonly string[])[] = [
  "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,reader_opened_at,clicked_at,unsubscribed_at",
  "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,clicked_at",
].map((heading) => heading.split(","));

export const SUPPRESSION_FIELDS = ["email", "reason", "source", "created_at", "detail"] as const;

/**
 * A column without values. A file has it that was written raw although some of its cells look as if they had been defused:
 * no apostrophe is taken off then. A header is what every spreadsheet leaves alone.
 */
export const RAW_MARK = "ses_mail_raw";

const REJECT_FIELDS = ["line", "reason"] as const;

/** Stands before a column of the list that is called as one of ours; twice before one that began with it already. */
const ESCAPE = "csv_";

const escapeFor = (names: Iterable<string>) => new RegExp(`^(?:${ESCAPE})*(?:${[...new Set(names)].join("|")})$`, "i");
const OF_EXPORT = escapeFor([...EXPORT_HEADINGS.flat(), RAW_MARK]);
const OF_REJECTS = escapeFor(REJECT_FIELDS);

/** The names of a list's columns as an export has them: none is one of ours, whatever is added to ours one day. */
export function exportNames(columns: readonly string[]): string[] {
  return columns.map((column) => escaped(column, OF_EXPORT));
}

/** The header of a file of rejected rows. */
export function rejectHeader(header: readonly string[]): string[] {
  return [...REJECT_FIELDS, ...header.map((name) => escaped(name, OF_REJECTS))];
}

function escaped(name: string, ours: RegExp): string {
  return ours.test(name) ? ESCAPE + name : name;
}

function unescaped(name: string, ours: RegExp): string {
  return name.toLowerCase().startsWith(ESCAPE) && ours.test(name) ? name.slice(ESCAPE.length) : name;
}

/** How such files begin, whatever a spreadsheet made of the separator; the groups are separators. */
const BEGINNINGS = [REJECT_FIELDS, EXPORT_HEADINGS[0]?.slice(0, 4) ?? [], SUPPRESSION_FIELDS.slice(0, 4)].map(
  (names) => new RegExp(`^${names.map((name) => `"?${name}"?([,;\\t|])`).join("")}`),
);

/** The separator of a file that begins as ours do; null for others. */
export function ownDelimiter(head: string): string | null {
  for (const beginning of BEGINNINGS) {
    const [, first, ...others] = beginning.exec(head) ?? [];
    if (first !== undefined && others.every((each) => each === first)) return first;
  }
  return null;
}

/** What the columns of a file are. */
export interface Layout {
  /** How many cells at the start of a row are no part of the list: number of line and reason of a rejected row. */
  skip: number;
  /** Names of the cells behind these. `""`: no name. */
  header: string[];
  /** The columns of the list. */
  columns: string[];
  /** Where among the cells each of them stands. */
  places: number[];
  /** Where the file says the address stands; null where that is for the reader to find. */
  address: number | null;
  /** Whether cells were defused when they were written, once more than `skip` says; the one of the address never. */
  defused: boolean;
}

/**
 * What stands where below a header (names trimmed and in NFC). `rows` are the first rows: a list may have two columns `line`
 * and `reason` of its own.
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
  // The address is a column as in every list, unless the list had one of that name which said something else.
  if (columns.some((column) => column.toLowerCase() === "email")) return { columns, places: own, address, defused };
  return { columns: ["email", ...columns], places: [address, ...own], address, defused };
}

/** Where the columns of an export stand: in one run in front, else all of them, wherever they were moved to. */
function exportColumns(header: string[]): number[] | null {
  const run = EXPORT_HEADINGS.find((names) => names.every((name, index) => header[index] === name));
  if (run) return [...run.keys()];
  const moved = EXPORT_HEADINGS.find((names) => names.every((name) => header.includes(name)));
  return moved ? moved.map((name) => header.indexOf(name)) : null;
}

/** Whether `layoutOf` wants to see rows. */
export function beginsAsRejects(names: readonly string[]): boolean {
  return REJECT_FIELDS.every((name, index) => names[index] === name);
}

/** A line is a number, a reason is a sentence. Who corrects rows may empty both. */
function isRejects(names: string[], rows: readonly string[][]): boolean {
  if (!beginsAsRejects(names)) return false;
  const rest = names.slice(REJECT_FIELDS.length);
  if (rest.some((name) => name !== "" && escaped(name, OF_REJECTS) !== name)) return true;
  const filled = rows.filter(([line = "", reason = ""]) => line.trim() !== "" || reason.trim() !== "");
  const fitting = filled.filter(([line = "", reason = ""]) => /^\d*$/.test(line) && /^$|\S\s+\S/.test(reason.trim()));
  return fitting.length * 2 >= filled.length;
}
