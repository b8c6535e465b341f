import { UserError } from "../../errors.ts";

/** A field of a recipient list may have this many bytes; more is a broken file, not a value to write into a mail. */
export const FIELD_LIMIT_BYTES = 1_048_576;
/** What is held of one record at most, in characters. Wide enough for 2,000 columns of 4 KB. */
const RECORD_LIMIT = 8_388_608;

/** One CSV record as it stands in the file, its line end dropped. `problem` says why it cannot be read. */
export interface RawRecord {
  /** 1-based line of the file in which the record starts. */
  line: number;
  text: string;
  problem: string | null;
}

export interface Dialect {
  /** One character. */
  delimiter: string;
  /** `\r` only for files that know no other; with `\n` a `\r` before it belongs to it. */
  lineEnd: "\n" | "\r";
}

/** Where in a record the scanner stands. */
const FIELD_START = 0;
const PLAIN = 1;
const QUOTED = 2;
/** Just behind a quote in a quoted field: it closes the field, or is the first of a pair. */
const QUOTE_SEEN = 3;
/** The quoting of this record is wrong: its first line is given up, and reading goes on in the next. */
const BROKEN = 4;
/** Behind a quoted field, in white space that is no part of it. */
const CLOSED = 5;

/** A record too large to hold: how it began, and how large its largest field has become. */
interface Oversized {
  line: number;
  prefix: string;
  field: number;
  bytes: number;
}

/**
 * Cuts text into CSV records and knows the line of each. csv-parse would do the cutting too, but counts a quoted CRLF as
 * two lines, holds a field of any size, and takes everything behind a quote that is never closed for one value; here such
 * a quote costs one line, and nothing is held beyond the limits above.
 */
export class RecordSplitter {
  readonly #name: string;
  readonly #delimiter: string;
  readonly #lineEnd: "\n" | "\r";
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

  /** `name` (of the file) and `fieldName` are for messages. */
  constructor({ delimiter, lineEnd }: Dialect, name: string, fieldName: (index: number) => string) {
    this.#name = name;
    this.#delimiter = delimiter;
    this.#lineEnd = lineEnd;
    this.#fieldName = fieldName;
  }

  /** The records that are complete now. Blank ones are dropped (`isBlank`). Throws `UserError` when a quote swallowed too much. */
  push(text: string): RawRecord[] {
    this.#text = this.#start === 0 ? this.#text + text : this.#text.slice(this.#start) + text;
    this.#at -= this.#start;
    this.#fieldStart -= this.#start;
    this.#start = 0;
    const records = this.#take(false);
    this.#limit();
    return records;
  }

  /** What is left when the file is over. */
  end(): RawRecord[] {
    const records = this.#take(true);
    if (this.#start < this.#text.length || this.#oversized) this.#emit(records, this.#text.length);
    return records;
  }

  #take(ended: boolean): RawRecord[] {
    const records: RawRecord[] = [];
    let quote = -1;
    for (;;) {
      if (this.#at === this.#start && this.#oversized === null && this.#mode === FIELD_START) {
        // Most records have no quote: one native search finds their end.
        if (quote < this.#start) quote = indexOrEnd(this.#text, '"', this.#start);
        const end = this.#text.indexOf(this.#lineEnd, this.#start);
        if (end >= 0 && end < quote) {
          this.#emit(records, end);
          continue;
        }
      }
      if (!this.#scan(ended)) return records;
      this.#emit(records, this.#at);
    }
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
      // Wider spaces csv-parse does not take here.
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

  /** Back to where the record starts, to give up only its first line. Impossible when that was dropped already. */
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

  #emit(records: RawRecord[], end: number): void {
    const raw = this.#text.slice(this.#start, end);
    const text = this.#lineEnd === "\n" && raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (this.#oversized) {
      this.#endField(this.#start + text.length);
      records.push({
        line: this.#oversized.line,
        text: this.#oversized.prefix,
        problem: this.#tooLarge(this.#oversized),
      });
    } else if (this.#problem !== null || !isBlank(text, this.#delimiter)) {
      records.push({ line: this.#line, text, problem: this.#problem });
    }
    this.#line += 1 + (text.includes('"') || this.#oversized ? this.#lineEnds(text) : 0);
    this.#start = this.#at = this.#fieldStart = Math.min(end + 1, this.#text.length);
    this.#mode = FIELD_START;
    this.#field = 0;
    this.#problem = null;
    this.#oversized = null;
  }

  /** Drops what is held of a record that has become too large, and remembers how it began. */
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
      : `the row is larger than ${RECORD_LIMIT.toLocaleString("en")} bytes`;
  }

  #lineEnds(text: string): number {
    let found = 0;
    for (let at = text.indexOf(this.#lineEnd); at >= 0; at = text.indexOf(this.#lineEnd, at + 1)) found++;
    return found;
  }
}

/** The same text for keeping: a piece of a longer one, as a field is of the file, keeps all of it in memory. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

export function fieldTooLarge(name: string, bytes: number): string {
  return `field "${name}" is ${bytes.toLocaleString("en")} bytes, the limit is ${FIELD_LIMIT_BYTES.toLocaleString("en")}`;
}

/** Nothing but delimiters, white space and quotes around nothing: what spreadsheets write for a row that is formatted and empty. */
function isBlank(text: string, delimiter: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === delimiter || isSpace(character)) continue;
    if (character !== '"') return false;
    do at++;
    while (isSpace(text.charAt(at)));
    // A quote behind the second one would be one of a pair, and a value.
    if (text[at] !== '"' || text[at + 1] === '"') return false;
  }
  return true;
}

/** As `trim` understands it. */
function isSpace(character: string): boolean {
  return character === " " || character === "\t" || (character !== "" && character.trim() === "");
}

function indexOrEnd(text: string, search: string, from: number): number {
  const index = text.indexOf(search, from);
  return index < 0 ? text.length : index;
}
