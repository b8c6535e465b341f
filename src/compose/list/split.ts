/** Cuts the text of a CSV file into records. */
import { count } from "../../counted.ts";
import { UserError } from "../../errors.ts";

/** The most bytes of a field in a recipient list. A larger field means a broken file. */
export const FIELD_LIMIT_BYTES = 1_048_576;
/** The most characters of one record that are held in memory: enough for 2,000 columns of 4 KB. */
const RECORD_LIMIT = 8_388_608;

/** One CSV record as it is in the file, without its line end. `problem` says why it cannot be read, or is null. */
export interface RawRecord {
  /** 1-based line of the file in which the record starts. */
  line: number;
  text: string;
  problem: string | null;
  /**
   * True: what is between its delimiters can be taken as it is, because it has no quotes, backslashes, control
   * characters, line separators or surrogates. In quotes it is also a JSON text. False: that is not known.
   */
  isPlain: boolean;
}

/** How the records of a CSV file are separated. */
export interface Dialect {
  /** One character. */
  delimiter: string;
  /** `\r` when the header ends with a `\r` alone. With `\n`, a `\r` before it belongs to the line end. */
  lineEnd: "\n" | "\r";
  /** True: no record is taken for plain. Tests compare what then becomes of a list. */
  isCareful?: boolean;
}

/** The modes of the scanner: where in a record it is. */
const FIELD_START = 0;
const PLAIN = 1;
const QUOTED = 2;
/** Right after a quote in a quoted field: it closes the field, or is the first of a pair. */
const QUOTE_SEEN = 3;
/** The quotes of this record are wrong: its first line is given up, and reading goes on in the next line. */
const BROKEN = 4;
/** After a quoted field, in white space that is not part of it. */
const CLOSED = 5;

/** A record that is too large to hold: its beginning, and the size of the field that was being read then. */
interface Oversized {
  line: number;
  prefix: string;
  field: number;
  bytes: number;
}

/**
 * Cuts text into CSV records and counts their lines. csv-parse could cut the text, but it counts a quoted CRLF as two
 * lines, holds a field of any size, and reads everything after an unclosed quote as one value. Here an unclosed quote
 * costs one line, and memory is limited as above.
 */
export class RecordSplitter {
  readonly #name: string;
  readonly #delimiter: string;
  readonly #lineEnd: "\n" | "\r";
  readonly #unusual: RegExp | null;
  readonly #fieldName: (index: number) => string;
  #text = "";
  #start = 0;
  #at = 0;
  #mode = FIELD_START;
  #line = 1;
  #field = 0;
  #fieldStart = 0;
  #problem: string | null = null;
  #oversized: Oversized | null = null;

  /** `name` (of the file) and `fieldName` (by index) are for messages. */
  constructor(dialect: Dialect, name: string, fieldName: (index: number) => string) {
    this.#name = name;
    this.#delimiter = dialect.delimiter;
    this.#lineEnd = dialect.lineEnd;
    this.#unusual = dialect.isCareful === true ? null : unusualIn(dialect);
    this.#fieldName = fieldName;
  }

  /**
   * Adds text and returns the records that are complete now, without blank ones (`isBlank`). Throws `UserError` when
   * the quotes of a record that is no longer held turn out to be wrong.
   */
  push(text: string): RawRecord[] {
    this.#text = this.#start === 0 ? this.#text + text : this.#text.slice(this.#start) + text;
    this.#at -= this.#start;
    this.#fieldStart -= this.#start;
    this.#start = 0;
    const records = this.#take(false);
    this.#limit();
    return records;
  }

  /** The last records, at the end of the file. Throws as `push` does. */
  end(): RawRecord[] {
    const records = this.#take(true);
    if (this.#start < this.#text.length || this.#oversized) this.#emit(records, this.#text.length);
    return records;
  }

  #take(ended: boolean): RawRecord[] {
    const records: RawRecord[] = [];
    let quote = -1;
    let unusual = -1;
    for (;;) {
      if (this.#at === this.#start && this.#oversized === null && this.#mode === FIELD_START) {
        // Most records have no quote, so one native search finds their end. Most are plain, so few need another one.
        if (unusual < this.#start) unusual = this.#nextUnusual();
        const end = this.#text.indexOf(this.#lineEnd, this.#start);
        const isPlain = end <= unusual;
        if (!isPlain && quote < this.#start) quote = indexOrEnd(this.#text, '"', this.#start);
        if (end >= 0 && (isPlain || end < quote)) {
          this.#emit(records, end, isPlain);
          continue;
        }
      }
      if (!this.#scan(ended)) return records;
      this.#emit(records, this.#at);
    }
  }

  /** Where the first character is that no plain record has; the end of the text when there is none. */
  #nextUnusual(): number {
    if (this.#unusual === null) return this.#start - 1;
    this.#unusual.lastIndex = this.#start;
    return this.#unusual.exec(this.#text)?.index ?? this.#text.length;
  }

  /** Moves on to the end of the record. False when the text does not reach that far. */
  #scan(ended: boolean): boolean {
    const text = this.#text;
    while (this.#at < text.length) {
      if (this.#mode === QUOTED) this.#toQuote();
      else if (this.#mode === BROKEN) this.#at = indexOrEnd(text, this.#lineEnd, this.#at);
      const character = text[this.#at];
      if (character === undefined) break;
      if (this.#mode === QUOTED) continue;
      if (character === this.#lineEnd) return true;
      if (this.#mode === BROKEN) continue;
      if (character === this.#delimiter) this.#nextField();
      else if (character === '"' && (this.#mode === FIELD_START || this.#mode === QUOTE_SEEN)) this.#enter(QUOTED);
      else if (this.#mode === FIELD_START && isSpace(character)) this.#at++;
      else if (this.#mode === FIELD_START || this.#mode === PLAIN) this.#toFieldEnd();
      // csv-parse accepts only narrow spaces here.
      else if (character <= " " && isSpace(character)) this.#enter(CLOSED);
      else this.#giveUp(`a quote is closed before the end of its field (write " inside a quoted field as "")`);
    }
    if (ended && this.#mode === QUOTED) {
      this.#giveUp("a quote is opened and never closed");
      return this.#scan(ended);
    }
    return false;
  }

  #toQuote(): void {
    const quote = this.#text.indexOf('"', this.#at);
    this.#at = quote < 0 ? this.#text.length : quote + 1;
    if (quote >= 0) this.#mode = QUOTE_SEEN;
  }

  #enter(mode: number): void {
    this.#mode = mode;
    this.#at++;
  }

  #toFieldEnd(): void {
    this.#mode = PLAIN;
    const lineEnd = indexOrEnd(this.#text, this.#lineEnd, this.#at);
    const delimiter = this.#text.indexOf(this.#delimiter, this.#at);
    this.#at = delimiter >= 0 && delimiter < lineEnd ? delimiter : lineEnd;
  }

  #nextField(): void {
    this.#endField(this.#at);
    this.#enter(FIELD_START);
    this.#field++;
    this.#fieldStart = this.#at;
  }

  #endField(end: number): void {
    if (this.#oversized?.field !== this.#field) return;
    const quotes = this.#mode === QUOTE_SEEN || this.#mode === CLOSED ? 1 : 0;
    this.#oversized.bytes += Buffer.byteLength(this.#text.slice(this.#fieldStart, end)) - quotes;
  }

  /** Goes back to the start of the record, to give up only its first line. Throws when that line is no longer held. */
  #giveUp(problem: string): void {
    if (this.#oversized) {
      throw new UserError(
        `${this.#name}, line ${this.#oversized.line}: ${problem}`,
        "correct the quotes in this line; what follows cannot be read",
      );
    }
    this.#problem = problem;
    this.#mode = BROKEN;
    this.#at = this.#start;
  }

  #emit(records: RawRecord[], end: number, isPlain = false): void {
    const raw = this.#text.slice(this.#start, end);
    const text = this.#lineEnd === "\n" && raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (this.#oversized) {
      this.#endField(this.#start + text.length);
      records.push({
        line: this.#oversized.line,
        text: this.#oversized.prefix,
        problem: this.#tooLarge(this.#oversized),
        isPlain,
      });
    } else if (this.#problem !== null || !isBlank(text, this.#delimiter)) {
      records.push({ line: this.#line, text, problem: this.#problem, isPlain });
    }
    this.#line += 1 + (!isPlain && (text.includes('"') || this.#oversized) ? this.#lineEnds(text) : 0);
    this.#start = this.#at = this.#fieldStart = Math.min(end + 1, this.#text.length);
    this.#mode = FIELD_START;
    this.#field = 0;
    this.#problem = null;
    this.#oversized = null;
  }

  /** Drops the text of a record that has become too large, and keeps its beginning. */
  #limit(): void {
    const held = this.#text.length - this.#start;
    const field = this.#text.length - this.#fieldStart;
    if (this.#oversized === null && field <= FIELD_LIMIT_BYTES && held <= RECORD_LIMIT) return;
    this.#oversized ??= {
      line: this.#line,
      prefix: this.#text.slice(this.#start, Math.max(this.#start, this.#fieldStart - 1)),
      field: this.#field,
      bytes: this.#text[this.#fieldStart] === '"' ? -1 : 0,
    };
    this.#endDropped();
    this.#line += this.#lineEnds(this.#text.slice(this.#start, this.#at));
    this.#text = this.#text.slice(this.#at);
    this.#start = this.#at = this.#fieldStart = 0;
  }

  #endDropped(): void {
    if (this.#oversized?.field !== this.#field) return;
    this.#oversized.bytes += Buffer.byteLength(this.#text.slice(this.#fieldStart, this.#at));
  }

  #tooLarge({ field, bytes }: Oversized): string {
    return bytes > FIELD_LIMIT_BYTES
      ? fieldTooLarge(this.#fieldName(field), bytes)
      : `the row is larger than ${count(RECORD_LIMIT)} bytes`;
  }

  #lineEnds(text: string): number {
    let found = 0;
    for (let at = text.indexOf(this.#lineEnd); at >= 0; at = text.indexOf(this.#lineEnd, at + 1)) found++;
    return found;
  }
}

/** Finds what no plain record has (`RawRecord`), from `lastIndex` on. */
function unusualIn({ delimiter, lineEnd }: Dialect): RegExp {
  const controls = `\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f${delimiter === "\t" ? "" : "\\t"}${lineEnd === "\r" ? "\\n" : ""}`;
  // A record may end in CRLF.
  return new RegExp(`["\\\\${controls}\\u2028\\u2029\\ud800-\\udfff]|\\r(?!\\n)`, "g");
}

/**
 * A copy of the text, to keep it. A slice, such as a field of the file, would keep the whole text it was cut from in
 * memory.
 */
export function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** The reason for a row with a field of `bytes` bytes, more than `FIELD_LIMIT_BYTES`. */
export function fieldTooLarge(name: string, bytes: number): string {
  return `field "${name}" is ${count(bytes)} bytes, the limit is ${count(FIELD_LIMIT_BYTES)}`;
}

/** True for a record of delimiters, white space and empty quotes, which spreadsheets write for a formatted empty row. */
function isBlank(text: string, delimiter: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === delimiter || isSpace(character)) continue;
    if (character !== '"') return false;
    do at++;
    while (isSpace(text.charAt(at)));
    // A third quote would make a pair, and that is a value.
    if (text[at] !== '"' || text[at + 1] === '"') return false;
  }
  return true;
}

/** White space as `trim` understands it. */
function isSpace(character: string): boolean {
  return character === " " || character === "\t" || (character !== "" && character.trim() === "");
}

function indexOrEnd(text: string, search: string, from: number): number {
  const index = text.indexOf(search, from);
  return index < 0 ? text.length : index;
}
