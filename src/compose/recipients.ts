import type { Readable } from "node:stream";
import { parse } from "csv-parse/sync";
import { UserError } from "../errors.ts";
import { parseAddress } from "./address.ts";
import { decode } from "./decode.ts";
import { nearest } from "./nearest.ts";
import { fileProblem } from "./read.ts";
import { FIELD_LIMIT_BYTES, fieldTooLarge, type Dialect, type RawRecord, RecordSplitter } from "./split.ts";

const BATCH_ROWS = 250;
/** Wide rows make smaller batches, so that memory does not depend on the number of columns. */
const BATCH_CHARACTERS = 1_048_576;
/** How many rows are looked at to find the column of addresses. */
const SAMPLE_ROWS = 100;
const MAX_HEADER_CHARACTERS = 1_048_576;
const DELIMITERS = [",", ";", "\t"];

/** C0 except tab, LF and CR; DEL; C1. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;
const REPLACEMENT = "\uFFFD";

/** A data row; `line` is the 1-based line of the file in which it starts. With a `reason` it is refused. */
export type Row =
  | { line: number; fields: string[]; address: string }
  | { line: number; fields: string[]; reason: string };

export interface Recipients {
  columns: string[];
  /** As it is written in the header. */
  emailColumn: string;
  emailIndex: number;
  /** The rows in file order, about 250 at a time (fewer when they are wide). Can be read once. */
  batches(): AsyncGenerator<Row[]>;
}

export interface RecipientsOptions {
  /** The file as the user calls it, for messages. */
  name: string;
  emailColumn?: string;
  /** One character, or `\t` written out. Default: whichever of `,` `;` tab the header has most of. */
  delimiter?: string;
  /** Any name iconv-lite knows. Default: by BOM, UTF-16 by its NULs, else UTF-8. */
  encoding?: string;
}

/**
 * Reads the header of a recipient list and, row by row, what follows. Streaming: memory does not grow with the list.
 * A bad row is data (`reason`); a file that cannot be read as a recipient list is a `UserError`: not text, not UTF-8, empty,
 * no rows, columns without a name or twice the same, no or no single column of addresses.
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

async function openWith(reader: RecordReader, options: RecipientsOptions): Promise<Recipients> {
  const columns = await readHeader(reader, options.name);
  const first = await reader.fill(1);
  if (first.length === 0) throw new UserError(`${options.name} has a header and no rows`);
  const emailIndex = await findEmailColumn(columns, reader, options);
  return {
    columns,
    emailColumn: columns[emailIndex] ?? "",
    emailIndex,
    batches: () => batches(reader, columns, emailIndex, options.name),
  };
}

async function* batches(
  reader: RecordReader,
  columns: string[],
  emailIndex: number,
  name: string,
): AsyncGenerator<Row[]> {
  try {
    for (;;) {
      const records = await reader.take();
      if (records.length === 0) return;
      yield toRows(records, columns, emailIndex, reader);
    }
  } catch (error) {
    throw fileProblem(error, "the recipients", name);
  } finally {
    await reader.close();
  }
}

/** Pulls text from the stream only when records are wanted, and keeps those not yet asked for. */
class RecordReader {
  /** True when the encoding was named by the user: a wrong name shows as U+FFFD. */
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

  /** From now on messages call fields by these names. */
  nameFields(columns: string[]): void {
    this.#columns = columns;
  }

  /** The records waiting, at least `rows` of them unless the file is shorter. They stay. */
  async fill(rows: number): Promise<RawRecord[]> {
    while (this.#waiting.length < rows && !this.#ended) await this.#read();
    return this.#waiting;
  }

  /** The next batch; empty when there is no more. */
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

  /** Reads as far as the end of the header, which tells the delimiter and the line end. */
  async #open(): Promise<RecordSplitter> {
    let head = "";
    let dialect: Dialect | null = null;
    while (dialect === null) {
      const next = await this.#text.next();
      head += next.done ? "" : next.value;
      dialect = dialectOf(head, next.done === true, this.#options.delimiter);
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
    return splitter;
  }
}

/** Null while the end of the header is not in sight. Delimiters and line ends inside quotes do not count. */
function dialectOf(head: string, ended: boolean, given: string | undefined): Dialect | null {
  const counts = new Map(DELIMITERS.map((delimiter) => [delimiter, 0]));
  let quoted = false;
  const start = head.length - head.trimStart().length;
  for (let at = start; at < head.length; at++) {
    const character = head[at] ?? "";
    if (character === '"') quoted = !quoted;
    if (quoted) continue;
    if (character === "\n") return { delimiter: chooseDelimiter(counts, given), lineEnd: "\n" };
    if (character === "\r") {
      if (at + 1 === head.length && !ended) return null;
      const lineEnd = head[at + 1] === "\n" ? "\n" : "\r";
      return { delimiter: chooseDelimiter(counts, given), lineEnd };
    }
    const count = counts.get(character);
    if (count !== undefined) counts.set(character, count + 1);
  }
  return ended ? { delimiter: chooseDelimiter(counts, given), lineEnd: "\n" } : null;
}

function chooseDelimiter(counts: Map<string, number>, given: string | undefined): string {
  if (given === undefined)
    return DELIMITERS.reduce((best, next) => ((counts.get(next) ?? 0) > (counts.get(best) ?? 0) ? next : best));
  const delimiter = given === "\\t" ? "\t" : given;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new UserError(`--delimiter expects one character, got ${JSON.stringify(given)}`, "for example , ; | or \\t");
  }
  return delimiter;
}

async function readHeader(reader: RecordReader, name: string): Promise<string[]> {
  const record = await reader.takeOne();
  if (record === undefined)
    throw new UserError(`${name} is empty`, "expected CSV with a header line and a row for each recipient");
  const [fields] = parseRecords([record], reader.delimiter);
  if (fields === undefined || record.problem !== null)
    throw new UserError(`${name}, line ${record.line}: ${record.problem ?? "cannot be read"}`);
  const columns = fields.map((field) => field.trim());
  const address = columns.find((column) => "address" in parseAddress(column));
  if (address !== undefined) {
    throw new UserError(
      `${name}: expected a header line, got a row with the address ${address}`,
      "add a first line with the column names, e.g. email,name",
    );
  }
  checkColumns(columns, name);
  reader.nameFields(columns);
  return columns;
}

function checkColumns(columns: string[], name: string): void {
  const unnamed = columns.indexOf("");
  if (unnamed >= 0)
    throw new UserError(
      `${name}: column ${unnamed + 1} has no name in the header`,
      "give it one, or remove the column",
    );
  const control = columns.find((column) => CONTROL.test(column) || /[\r\n]/.test(column));
  if (control !== undefined)
    throw new UserError(`${name}: the column name ${JSON.stringify(control)} contains a control character`);
  const seen = new Set<string>();
  for (const column of columns) {
    if (seen.has(column)) throw new UserError(`${name}: two columns are called "${column}"`, "rename one of them");
    seen.add(column);
  }
}

async function findEmailColumn(
  columns: string[],
  reader: RecordReader,
  { name, emailColumn }: RecipientsOptions,
): Promise<number> {
  const wanted = emailColumn?.trim() ?? "email";
  const exact = columns.indexOf(wanted);
  const index = exact >= 0 ? exact : columns.findIndex((column) => column.toLowerCase() === wanted.toLowerCase());
  if (index >= 0) return index;
  if (emailColumn !== undefined) {
    const meant = nearest(wanted, columns);
    throw new UserError(
      `${name} has no column "${wanted}"`,
      `${meant === null ? "" : `did you mean "${meant}"? `}its columns are ${list(columns)}`,
    );
  }
  const found = columnsOfAddresses(await reader.fill(SAMPLE_ROWS), columns, reader.delimiter);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const problem =
    found.length === 0
      ? "no column holds addresses"
      : `several columns hold addresses: ${list(found.map((at) => columns[at] ?? ""))}`;
  throw new UserError(`${name}: ${problem}`, `name it with --email-column; its columns are ${list(columns)}`);
}

/** The columns where most values that are there are addresses: one bad row must not hide the column. */
function columnsOfAddresses(records: RawRecord[], columns: string[], delimiter: string): number[] {
  const sample = parseRecords(records.slice(0, SAMPLE_ROWS), delimiter);
  return [...columns.keys()].filter((column) => {
    const values = sample.map((fields) => fields?.[column]?.trim() ?? "").filter((value) => value !== "");
    const addresses = values.filter((value) => "address" in parseAddress(value));
    return addresses.length * 2 > values.length;
  });
}

function toRows(records: RawRecord[], columns: string[], emailIndex: number, reader: RecordReader): Row[] {
  const parsed = parseRecords(records, reader.delimiter);
  return records.map((record, index) => toRow(record, parsed[index], columns, emailIndex, reader.lossy));
}

function toRow(
  record: RawRecord,
  fields: string[] | undefined,
  columns: string[],
  emailIndex: number,
  lossy: boolean,
): Row {
  const { line } = record;
  if (fields === undefined) return { line, fields: [record.text], reason: "cannot be read as CSV" };
  const reason = record.problem ?? problemOf(record, fields, columns, lossy);
  if (reason !== null) return { line, fields, reason };
  const parsed = parseAddress(fields[emailIndex] ?? "");
  return "address" in parsed ? { line, fields, address: parsed.address } : { line, fields, reason: parsed.problem };
}

function problemOf({ text }: RawRecord, fields: string[], columns: string[], lossy: boolean): string | null {
  if (fields.length !== columns.length) return `expected ${columns.length} fields, got ${fields.length}`;
  if (CONTROL.test(text) || (text.includes("\r") && !text.includes('"'))) return controlProblem(fields, columns);
  if (lossy && text.includes(REPLACEMENT)) return "a byte that is not in the encoding given with --encoding";
  // A character is at most three bytes for each unit of its length.
  if (text.length * 3 > FIELD_LIMIT_BYTES) return largeProblem(fields, columns);
  return null;
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

/** The fields of each record, in order; undefined for what csv-parse refuses. A record with a problem is cut at every delimiter. */
function parseRecords(records: RawRecord[], delimiter: string): (string[] | undefined)[] {
  const sound = records.filter((record) => record.problem === null);
  const parsed = parseTogether(sound, delimiter) ?? sound.map((record) => parseAlone(record, delimiter));
  let next = 0;
  return records.map((record) => (record.problem === null ? parsed[next++] : record.text.split(delimiter)));
}

/** csv-parse is fast (500,000 rows/s) when it gets many rows in one call and has no stream around it. */
function parseTogether(records: RawRecord[], delimiter: string): string[][] | null {
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

/** A quote inside an unquoted field (`5" pipe`) is an ordinary character. Lengths are checked here, row by row. */
function csvParse(text: string, delimiter: string): string[][] {
  return parse(text, { delimiter, record_delimiter: "\n", relax_column_count: true, relax_quotes: true });
}

function list(columns: string[]): string {
  const shown = columns.slice(0, 20).map((column) => `"${column}"`);
  return columns.length > shown.length
    ? `${shown.join(", ")} and ${columns.length - shown.length} more`
    : shown.join(", ");
}
