/** Reads a recipient list: its header, then row by row. */
import type { Readable } from "node:stream";
import { parse } from "csv-parse/sync";
import { UserError } from "../../errors.ts";
import { parseAddress } from "../address/address.ts";
import { decode } from "./decode.ts";
import { undefused } from "./formula.ts";
import { columnName, findName, unseenIn } from "./name.ts";
import { nearest } from "../../nearest.ts";
import { beginsAsRejects, type Layout, layoutOf, ownDelimiter } from "./own-files.ts";
import { fileProblem } from "../../read-file.ts";
import { FIELD_LIMIT_BYTES, fieldTooLarge, type Dialect, type RawRecord, RecordSplitter } from "./split.ts";
import { shortened } from "../../printable.ts";

const BATCH_ROWS = 250;
/** A batch of wide rows is smaller, so that memory does not depend on the number of columns. */
const BATCH_CHARACTERS = 1_048_576;
/** The first rows that are looked at to find the column of addresses. */
const SAMPLE_ROWS = 100;
const MAX_HEADER_CHARACTERS = 1_048_576;
/** The delimiters that are tried on a header. The first one wins a tie. */
const DELIMITERS = [",", ";", "\t", "|"];
/**
 * The line before the header that tells Excel the delimiter. When another program has saved the file, separators follow
 * it.
 */
const DELIMITER_LINE = /^\s*"?sep=(\\t|[^"\r\n])"?([,;\t|]*)\s*$/i;
/** People may leave this many lines above the header: a title, the date of an export, a comment. */
const TITLE_LINES = 5;
/** A message names at most this many columns without fields. */
const SHOWN_COLUMNS = 3;

/** Control characters: C0 except tab, LF and CR; DEL; C1. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;
const REPLACEMENT = "\uFFFD";

/**
 * A data row; `line` is the 1-based line of the file in which it starts. With an `address` it can be taken, and
 * `fields` are the values of the columns. With a `reason` it is refused, and `fields` are its cells. `cells` is the row
 * for the file of rejected rows, set when it differs from `fields`. `isPlain`: every field is its own JSON text in
 * quotes, and has no control characters or line separators.
 */
export type Row =
  | { line: number; fields: string[]; cells?: string[]; isPlain: boolean; address: string }
  | { line: number; fields: string[]; cells?: string[]; isPlain: boolean; reason: string };

/** A recipient list that is open for reading. */
export interface Recipients {
  /**
   * The names of the columns, in NFC. Columns that ses-mail added when it wrote the file are left out, and so are
   * columns without a name.
   */
  columns: string[];
  /** A name for each cell of a rejected row, for `openRejects`. */
  header: string[];
  /** The name of the column with the addresses. */
  emailColumn: string;
  /** The rows in file order, about 250 at a time (fewer when they are wide). Can be read once. */
  batches(): AsyncGenerator<Row[]>;
}

/** How to read a recipient list. */
export interface RecipientsOptions {
  /** The name of the file in messages. */
  name: string;
  emailColumn?: string;
  /**
   * One character, or `\t` written out. Default: what the file says (`sep=;`), else the one of `,` `;` tab `|` that
   * fits the header.
   */
  delimiter?: string;
  /** Any name iconv-lite knows. Default: by BOM, UTF-16 by its NULs, else UTF-8. */
  encoding?: string;
  /** True: rows are read as if each had something unusual in it. The rows are the same; tests compare them. */
  isCareful?: boolean;
}

/**
 * Reads the header of a recipient list; `batches` then streams the rows, so memory does not grow with the list. A bad
 * row is returned with a `reason`. A file that is no recipient list is a `UserError`: not text, not in its encoding,
 * empty, without rows, without named columns, with two columns of one name, or without exactly one column of addresses.
 * Closes `input` when it fails or when `batches` ends.
 */
export async function openRecipients(input: Readable, options: RecipientsOptions): Promise<Recipients> {
  const reader = new RecordReader(input, options);
  try {
    return await openWith(reader, options);
  } catch (error) {
    await reader.close();
    throw fileProblem(error, "the recipients", options.name);
  }
}

/** Everything needed to make rows of records. */
interface Reading {
  layout: Layout;
  /** The cell that holds the address. */
  address: number;
  delimiter: string;
  lossy: boolean;
}

async function openWith(reader: RecordReader, options: RecipientsOptions): Promise<Recipients> {
  const layout = await readHeader(reader, options.name);
  const first = await reader.fill(1);
  if (first.length === 0) throw new UserError(`${options.name} has a header and no rows`);
  const address = await findAddress(layout, reader, options);
  const { columns, header, places } = layout;
  const reading: Reading = { layout, address, delimiter: reader.delimiter, lossy: reader.lossy };
  return {
    columns,
    header,
    emailColumn: columns[places.indexOf(address)] ?? header[address] ?? "",
    batches: () => batches(reader, reading, options.name),
  };
}

async function* batches(reader: RecordReader, reading: Reading, name: string): AsyncGenerator<Row[]> {
  try {
    for (;;) {
      const records = await reader.take();
      if (records.length === 0) return;
      yield toRows(records, reading);
    }
  } catch (error) {
    throw fileProblem(error, "the recipients", name);
  } finally {
    await reader.close();
  }
}

/** Reads text from the stream only when records are needed, and keeps the records that were not taken yet. */
class RecordReader {
  /** True when the user named the encoding. U+FFFD then means that a byte did not fit it. */
  readonly lossy: boolean;
  readonly #text: AsyncGenerator<string>;
  readonly #options: RecipientsOptions;
  #splitter: RecordSplitter | null = null;
  #dialect: Dialect = { delimiter: ",", lineEnd: "\n" };
  #waiting: RawRecord[] = [];
  #ended = false;
  #columns: string[] = [];

  constructor(input: Readable, options: RecipientsOptions) {
    this.#text = decode(input, options.name, options.encoding);
    this.#options = options;
    this.lossy = options.encoding !== undefined;
  }

  get delimiter(): string {
    return this.#dialect.delimiter;
  }

  /** The names of fields for messages from now on. */
  nameFields(columns: string[]): void {
    this.#columns = columns;
  }

  /** Reads until at least `rows` records wait, or the file ends. Returns them without taking them. */
  async fill(rows: number): Promise<RawRecord[]> {
    while (this.#waiting.length < rows && !this.#ended) await this.#read();
    return this.#waiting;
  }

  /** Takes the next batch; empty at the end of the file. */
  async take(): Promise<RawRecord[]> {
    let characters = 0;
    let rows = 0;
    while (rows < BATCH_ROWS && characters < BATCH_CHARACTERS) {
      if (rows === this.#waiting.length) {
        if (this.#ended) break;
        await this.#read();
        continue;
      }
      characters += this.#waiting[rows]?.text.length ?? 0;
      rows++;
    }
    return this.#waiting.splice(0, rows);
  }

  async takeOne(): Promise<RawRecord | undefined> {
    await this.fill(1);
    return this.#waiting.shift();
  }

  async close(): Promise<void> {
    await this.#text.return(undefined);
  }

  async #read(): Promise<void> {
    this.#splitter ??= await this.#open();
    const next = await this.#text.next();
    this.#ended = next.done === true;
    const records = next.done ? this.#splitter.end() : this.#splitter.push(next.value);
    this.#waiting = this.#waiting.length === 0 ? records : this.#waiting.concat(records);
  }

  /** Reads to the end of the header, which tells the delimiter and the line end. */
  async #open(): Promise<RecordSplitter> {
    let head = "";
    let dialect: Dialect | null = null;
    while (dialect === null) {
      const next = await this.#text.next();
      head += next.done ? "" : next.value;
      dialect = dialectOf(head, next.done === true, this.#options);
      if (dialect === null && head.length > MAX_HEADER_CHARACTERS) {
        throw new UserError(
          `${this.#options.name}: the first line does not end`,
          "expected CSV text with a header line",
        );
      }
    }
    this.#dialect = dialect;
    const splitter = new RecordSplitter(
      dialect,
      this.#options.name,
      (index) => this.#columns[index] ?? String(index + 1),
    );
    this.#waiting = splitter.push(head);
    if (DELIMITER_LINE.test(this.#waiting[0]?.text ?? "")) this.#waiting.shift();
    return splitter;
  }
}

/** The dialect by the header; null while `head` does not contain the whole header. */
function dialectOf(head: string, ended: boolean, options: RecipientsOptions): Dialect | null {
  const first = filledLineAt(head, 0, ended);
  const said = first && delimiterSaid(first.text);
  const header = first === null || said === undefined ? first : filledLineAt(head, first.next, ended);
  if (first === null || header === null) return null;
  const given = options.delimiter === undefined ? null : checkDelimiter(options.delimiter);
  const delimiter =
    ownDelimiter(header.text) ?? given ?? said ?? detectDelimiter(header.text, head.slice(header.next), options);
  const { isCareful = false } = options;
  return { delimiter, lineEnd: header.lineEnd ?? first.lineEnd ?? "\n", isCareful };
}

interface Line {
  text: string;
  /** Null: the file ends without one. */
  lineEnd: "\n" | "\r" | null;
  /** Where the next one starts. */
  next: number;
}

/** The delimiter of a line `sep=;`, or null when it is no longer true; undefined for other lines. */
function delimiterSaid(line: string): string | null | undefined {
  const [, said, padding = ""] = DELIMITER_LINE.exec(line) ?? [];
  if (said === undefined) return undefined;
  const delimiter = unescapeTab(said);
  // A program that does not know such lines may have saved the file with other separators.
  return padding.replaceAll(delimiter, "") === "" ? delimiter : null;
}

/** The next line that has more than separators. */
function filledLineAt(head: string, start: number, ended: boolean): Line | null {
  let line = lineAt(head, start, ended);
  while (line !== null && line.lineEnd !== null && /^[\s,;|"]*$/.test(line.text)) line = lineAt(head, line.next, ended);
  return line;
}

/** The line that starts at `start`; line ends inside quotes do not count. Null when its end has not been read yet. */
function lineAt(head: string, start: number, ended: boolean): Line | null {
  let quoted = false;
  for (let at = start; at < head.length; at++) {
    const character = head[at];
    if (character === '"') quoted = !quoted;
    if (quoted || (character !== "\n" && character !== "\r")) continue;
    const text = head.slice(start, at);
    if (character === "\n") return { text, lineEnd: "\n", next: at + 1 };
    if (at + 1 === head.length && !ended) return null;
    return head[at + 1] === "\n" ? { text, lineEnd: "\n", next: at + 2 } : { text, lineEnd: "\r", next: at + 1 };
  }
  return ended ? { text: head.slice(start), lineEnd: null, next: head.length } : null;
}

/**
 * The most frequent delimiter of the header, among those that give a column of addresses: `email;price, net;price,
 * gross` has as many commas as semicolons. Delimiters inside quotes do not count.
 */
function detectDelimiter(header: string, rest: string, { emailColumn }: RecipientsOptions): string {
  const row = lineAt(rest, 0, true)?.text ?? "";
  const wanted = [columnName(emailColumn ?? "email")];
  const candidates = DELIMITERS.map((delimiter) => {
    const names = cut(header, delimiter).map(columnName);
    const fits = names.some((name) => findName(name, wanted) >= 0) || cut(row, delimiter).some(isAddress);
    return { delimiter, columns: names.length, fits: fits && names.length > 1 };
  });
  const fitting = candidates.filter(({ fits }) => fits);
  const [first, ...others] = fitting.length > 0 ? fitting : candidates;
  return others.reduce((best, next) => (next.columns > (best?.columns ?? 0) ? next : best), first)?.delimiter ?? ",";
}

/** Splits a line roughly; that is enough to compare delimiters. */
function cut(line: string, delimiter: string): string[] {
  return line
    .replaceAll(/"[^"]*"/g, (quoted) => quoted.replaceAll(delimiter, " "))
    .replaceAll('"', "")
    .split(delimiter);
}

function isAddress(text: string): boolean {
  return "address" in parseAddress(text);
}

function unescapeTab(delimiter: string): string {
  return delimiter === "\\t" ? "\t" : delimiter;
}

function checkDelimiter(given: string): string {
  const delimiter = unescapeTab(given);
  if (delimiter.length === 1 && !/["\r\n]/.test(delimiter)) return delimiter;
  throw new UserError(`--delimiter expects one character, got ${JSON.stringify(given)}`, "for example , ; | or \\t");
}

async function readHeader(reader: RecordReader, name: string): Promise<Layout> {
  const record = await reader.takeOne();
  if (record === undefined)
    throw new UserError(`${name} is empty`, "expected CSV with a header line and a row for each recipient");
  const [fields] = parseRecords([record], reader.delimiter);
  if (fields === undefined || record.problem !== null)
    throw new UserError(`${name}, line ${record.line}: ${record.problem ?? "cannot be read"}`);
  const names = fields.map(columnName);
  const address = names.find(isAddress);
  if (address !== undefined) {
    throw new UserError(
      `${name}: expected a header line, got a row with the address ${address}`,
      "add a first line with the column names, e.g. email,name",
    );
  }
  const layout = layoutOf(names, beginsAsRejects(names) ? await sampleOf(reader) : []);
  checkColumns(layout.columns, name);
  reader.nameFields(names);
  return layout;
}

/** The cells of the first rows, without rows that cannot be read. */
async function sampleOf(reader: RecordReader): Promise<string[][]> {
  const records = (await reader.fill(SAMPLE_ROWS)).slice(0, SAMPLE_ROWS);
  return parseRecords(records, reader.delimiter).filter((cells) => cells !== undefined);
}

function checkColumns(columns: string[], name: string): void {
  if (columns.length === 0) throw new UserError(`${name}: no column has a name in the header`, "e.g. email,name");
  const seen = new Set<string>();
  for (const column of columns) {
    if (CONTROL.test(column) || /[\r\n]/.test(column))
      throw new UserError(`${name}: the column name ${JSON.stringify(column)} contains a control character`);
    const unseen = unseenIn(column);
    if (unseen !== null)
      throw new UserError(
        `${name}: the column name "${column}" contains ${unseen}, which cannot be seen`,
        "type it anew",
      );
    if (seen.has(column)) throw new UserError(`${name}: two columns are called "${column}"`, "rename one of them");
    seen.add(column);
  }
}

/** The index of the cell with the address. Throws `UserError` when no column or several could have it. */
async function findAddress(
  layout: Layout,
  reader: RecordReader,
  { name, emailColumn }: RecipientsOptions,
): Promise<number> {
  const { columns, places, address } = layout;
  if (address !== null && emailColumn === undefined) return address;
  const wanted = emailColumn ?? "email";
  const place = places[findName(wanted, columns)];
  if (place !== undefined) return place;
  if (emailColumn !== undefined) {
    await refuseOtherHeader(layout, reader, name);
    const meant = nearest(wanted, columns);
    throw new UserError(
      `${name} has no column "${wanted}"`,
      `${meant === null ? "" : `did you mean "${meant}"? `}its columns are ${list(columns)}`,
    );
  }
  const found = columnsOfAddresses(await sampleOf(reader), layout);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length === 0) await refuseOtherHeader(layout, reader, name);
  const problem =
    found.length === 0
      ? "no column holds addresses"
      : `several columns hold addresses: ${list(found.map((at) => columns[places.indexOf(at)] ?? ""))}`;
  throw new UserError(`${name}: ${problem}`, `name it with --email-column; its columns are ${list(columns)}`);
}

/** Throws the better error when a title above the header, or a wrong delimiter, hides the column of addresses. */
async function refuseOtherHeader({ columns }: Layout, reader: RecordReader, name: string): Promise<void> {
  const records = (await reader.fill(TITLE_LINES)).slice(0, TITLE_LINES);
  const holdsAddress = (delimiter: string) => (text: string) =>
    cut(text, delimiter).some((cell) => isAddress(cell.trim()));
  const [delimiter] = DELIMITERS.filter((each) => records.some(({ text }) => holdsAddress(each)(text)));
  if (delimiter === undefined) return;
  const first = records.findIndex(({ text }) => holdsAddress(delimiter)(text));
  const header = records[first - 1];
  const isWider = (text: string) => cut(text, delimiter).filter((cell) => cell.trim() !== "").length > columns.length;
  if (header !== undefined && isWider(header.text))
    throw new UserError(
      `${name}: expected the header in the first line, got ${list(columns, SHOWN_COLUMNS)}; it is line ${header.line}`,
      "take out what stands above it",
    );
  if (delimiter !== reader.delimiter && columns.length === 1)
    throw new UserError(
      `${name}: the delimiter ${shownDelimiter(reader.delimiter)} makes one column of the header, ${list(columns)}`,
      `give --delimiter ${shownDelimiter(delimiter)}, or correct a first line sep=`,
    );
}

function shownDelimiter(delimiter: string): string {
  return JSON.stringify(delimiter);
}

/** The cells in which most values are addresses; empty ones do not count. One bad row must not hide the column. */
function columnsOfAddresses(rows: string[][], { places, skip }: Layout): number[] {
  return places.filter((place) => {
    const values = rows.map((cells) => cells[skip + place]?.trim() ?? "").filter((value) => value !== "");
    return values.filter(isAddress).length * 2 > values.length;
  });
}

function toRows(records: RawRecord[], reading: Reading): Row[] {
  const parsed = parseRecords(records, reading.delimiter);
  return records.map((record, index) => toRow(record, parsed[index], reading));
}

function toRow(record: RawRecord, parsed: string[] | undefined, { layout, address, lossy }: Reading): Row {
  const { line, isPlain } = record;
  if (parsed === undefined) return { line, fields: [record.text], isPlain, reason: "cannot be read as CSV" };
  const cells = layout.skip > 0 ? parsed.slice(layout.skip).map(undefused) : parsed;
  const reason = record.problem ?? problemOf(record, cells, layout, lossy);
  if (reason !== null) return { line, fields: cells, isPlain, reason };
  const fields = fieldsOf(cells, layout);
  const found = parseAddress(valueAt(cells, address, layout));
  if ("problem" in found) return { line, fields: cells, isPlain, reason: found.problem };
  return fields === cells
    ? { line, fields, isPlain, address: found.address }
    : { line, fields, cells, isPlain, address: found.address };
}

function fieldsOf(cells: string[], layout: Layout): string[] {
  const { places, header } = layout;
  if (places.length === header.length && !layout.defused)
    return cells.length === places.length ? cells : cells.slice(0, places.length);
  return places.map((place) => valueAt(cells, place, layout));
}

function valueAt(cells: string[], place: number, { defused, address }: Layout): string {
  const cell = cells[place] ?? "";
  return defused && place !== address ? undefused(cell) : cell;
}

function problemOf({ text, isPlain }: RawRecord, cells: string[], { header }: Layout, lossy: boolean): string | null {
  const reason = countProblem(cells, header);
  if (reason !== null) return reason;
  if (!isPlain && (CONTROL.test(text) || (text.includes("\r") && !text.includes('"'))))
    return controlProblem(cells, header);
  if (lossy && text.includes(REPLACEMENT)) return "a byte that is not in the encoding given with --encoding";
  // UTF-8 needs at most three bytes for each UTF-16 unit.
  if (text.length * 3 > FIELD_LIMIT_BYTES) return largeProblem(cells, header);
  return null;
}

/**
 * Why the number of cells is wrong, or null. A value needs a column with a name, and a named column needs a cell, even
 * an empty one. Spreadsheets write empty cells after the last column, and columns without name and value, so these are
 * fine.
 */
function countProblem(cells: string[], header: string[]): string | null {
  if (cells.length === header.length && !header.includes("")) return null;
  const expected = header.findLastIndex((name) => name !== "") + 1;
  const missing = header.slice(cells.length).filter((name) => name !== "");
  if (missing.length > 0)
    return `expected ${expected} fields, got ${cells.length}: nothing stands for ${list(missing, SHOWN_COLUMNS)} (Excel leaves out empty cells at the end of rows: let a column end the rows that is always filled)`;
  const stray = cells.findIndex((cell, index) => (header[index] ?? "") === "" && cell.trim() !== "");
  if (stray < 0) return null;
  return stray < header.length
    ? `column ${stray + 1} has no name in the header, and here the value ${JSON.stringify(shortened(cells[stray] ?? "", 40))}: name it, or take it out`
    : `expected ${expected} fields, got ${cells.findLastIndex((cell) => cell.trim() !== "") + 1}`;
}

function controlProblem(fields: string[], columns: string[]): string {
  const index = fields.findIndex((field) => CONTROL.test(field) || field.includes("\r"));
  const found = CONTROL.exec(fields[index] ?? "")?.[0] ?? "\r";
  const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  return `field "${columns[index] ?? ""}" contains a control character (U+${code})`;
}

function largeProblem(fields: string[], columns: string[]): string | null {
  const sizes = fields.map((field) => Buffer.byteLength(field));
  const index = sizes.findIndex((bytes) => bytes > FIELD_LIMIT_BYTES);
  return index < 0 ? null : fieldTooLarge(columns[index] ?? "", sizes[index] ?? 0);
}

/**
 * The cells of each record, in order; undefined for a record that csv-parse refuses. White space around a cell belongs
 * to it only when the cell is quoted. A record with a problem is cut at every delimiter.
 */
function parseRecords(records: RawRecord[], delimiter: string): (string[] | undefined)[] {
  const quoted = records.filter(isQuoted);
  const parsed = parseTogether(quoted, delimiter) ?? quoted.map((record) => parseAlone(record, delimiter));
  let next = 0;
  return records.map((record) => {
    if (isQuoted(record)) return parsed[next++];
    return record.problem === null ? cellsOf(record.text, delimiter) : record.text.split(delimiter);
  });
}

/** The text cut at the delimiters, without white space around the cells. `split` and `trim` take twice as long. */
function cellsOf(text: string, delimiter: string): string[] {
  const cells: string[] = [];
  for (let start = 0; ;) {
    const end = text.indexOf(delimiter, start);
    const cell = end < 0 ? text.slice(start) : text.slice(start, end);
    cells.push(isVisible(cell.charCodeAt(0)) && isVisible(cell.charCodeAt(cell.length - 1)) ? cell : cell.trim());
    if (end < 0) return cells;
    start = end + 1;
  }
}

/** Whether the code is that of a character of ASCII that is no white space. NaN is not. */
function isVisible(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

/**
 * Only records with quotes need csv-parse. Cutting the others at the delimiter is faster, and few records have quotes.
 */
function isQuoted({ text, problem, isPlain }: RawRecord): boolean {
  return !isPlain && problem === null && text.includes('"');
}

/** csv-parse is fast (500,000 rows/s) when it gets many rows in one call, without a stream. */
function parseTogether(records: RawRecord[], delimiter: string): string[][] | null {
  if (records.length === 0) return [];
  try {
    const parsed = csvParse(records.map((record) => record.text).join("\n"), delimiter);
    return parsed.length === records.length ? parsed : null;
  } catch {
    return null;
  }
}

function parseAlone(record: RawRecord, delimiter: string): string[] | undefined {
  try {
    const parsed = csvParse(record.text, delimiter);
    return parsed.length === 1 ? parsed[0] : undefined;
  } catch {
    return undefined;
  }
}

/** A quote inside an unquoted field (`5" pipe`) is an ordinary character. `countProblem` checks the number of cells. */
function csvParse(text: string, delimiter: string): string[][] {
  return parse(text, { delimiter, record_delimiter: "\n", relax_column_count: true, relax_quotes: true, trim: true });
}

function list(columns: string[], most = 20): string {
  const shown = columns.slice(0, most).map((column) => `"${column}"`);
  return columns.length > shown.length
    ? `${shown.join(", ")} and ${columns.length - shown.length} more`
    : shown.join(", ");
}
