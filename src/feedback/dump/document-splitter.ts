/** Cuts the text of an event dump into records. */
import { isAscii } from "node:buffer";
import { count as shown } from "../../counted.ts";
import { isSpace, JsonScanner, recordsIn } from "../envelopes/json-scanner.ts";
import { parseJson } from "../envelopes/json-value.ts";
import { eventOfSnsLine } from "../envelopes/sns-line.ts";
import { readLine } from "./log-line.ts";
import { nextRecord, type Place } from "./next-record.ts";

/** The most bytes a record may have. SNS, SQS and EventBridge allow 1 MiB, a Lambda payload 6 MB for many records. */
const RECORD_LIMIT_BYTES = 4_194_304;
/** A broken record is kept whole up to this size; of a larger one only the beginning (`CUT_BYTES`) is kept. */
const KEPT_BYTES = 1_048_576;
const CUT_BYTES = 65_536;
/** A line longer than this is searched for records without waiting for its end. */
const PATIENCE_BYTES = 65_536;
/** Input is taken in pieces of this size, so that memory holds little more than one record. */
const PIECE_BYTES = 262_144;
/** The search for the next record after a broken one continues in the next bytes with this overlap. */
const OVERLAP_BYTES = 1_024;

/** An object with fewer characters around its records holds no event there. */
const LEAST_AROUND = 60;
/** Enough to see which language printed a record. */
const LOOK_BYTES = 64;

const [LINE_FEED, SPACE, TAB, QUOTE, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x0a, 0x20, 0x09, 0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d,
] as const;

const NOT_JSON = "not JSON";
/** How Python and Node print objects: `{'eventType': …` and `{ eventType: …`. */
const NOT_JSON_AT_ALL = /^[[{][[{\s]*(?:'|[\w$]+\s*:)/;
const TOO_LARGE = `larger than ${shown(RECORD_LIMIT_BYTES)} bytes`;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** The JSON of a line. Of a notification of SNS, the event in it. */
const valueOfLine = (line: string): unknown => eventOfSnsLine(line) ?? parseJson(line);

/** Where a record is, and what it looks like there. */
export interface Position {
  /** As it is in the input. Of a broken record over 1 MiB only the first 64 KiB. */
  text: string;
  /** The line it starts in, counted from 1. */
  line: number;
  /** The byte it starts at, counted from 0, in the input as UTF-8 text (unpacked and converted). */
  offset: number;
}

/** An object that holds an array of records, without the array: there may be something else in it. */
interface Around extends Position {
  /** What follows the array, up to `RECORD_LIMIT_BYTES`. */
  behind: Buffer[];
  bytes: number;
}

/**
 * A record that can be read. `value` is its JSON, or an event in it that is all it holds; the line itself when it is not JSON;
 * `{message: string}` for a line of a log.
 */
interface Readable extends Position {
  value: unknown;
}

/** A record that cannot be read. `malformed` says why, in one clause. */
export interface Malformed extends Position {
  malformed: string;
}

/** One record of a dump. */
export type DumpDocument = Readable | Malformed;

interface Broken extends Place {
  malformed: string;
  line: number;
  offset: number;
  kept: Buffer[];
  bytes: number;
}

/**
 * Cuts UTF-8 bytes, in pieces of any size, into records. A record is:
 *
 * - a JSON document: one on each line, one over many lines, or one right after the other;
 * - an element of an array at the top, or of the array in an object of SQS, Lambda, Firehose, CloudWatch Logs or
 *   Elasticsearch. The array is never held as a whole. What stands around it follows as a record when it is more than a
 *   few characters;
 * - a line that is not JSON.
 *
 * A broken record costs only itself: reading goes on where the next one seems to begin. Memory holds at most one record
 * of 4 MiB and what stands around it.
 */
export class DocumentSplitter {
  readonly #parseLine: (line: string) => unknown;
  #room: Buffer = Buffer.alloc(0);
  #bytes: Buffer = this.#room;
  /** The encoding of `#bytes`. ASCII becomes text in half the time. */
  #encoding: "latin1" | "utf8" = "latin1";
  /** Index in `#bytes` of the next unread byte; while a record is scanned, of its first byte. */
  #at = 0;
  /** Number of bytes that came before `#bytes`. */
  #passed = 0;
  #line = 1;
  #indent = 0;
  #firstInLine = true;
  /** In an array: true when a comma or a line end follows the last element. */
  #separated = true;
  #ended = false;
  /** Up to this offset we know that the line is not one whole document. */
  #triedTo = 0;
  #scanner: JsonScanner | null = null;
  #inArray = false;
  /** The scanner of the object around the array; null when the array stands alone. */
  #container: JsonScanner | null = null;
  /** Where the array around the record began, for the report when it never ends. */
  #opened: Position | null = null;
  /** What stands around the array in `#container`. */
  #around: Around | null = null;
  #broken: Broken | null = null;
  /** A record too large to be held. We only look for its end. */
  #oversized: Broken | null = null;
  #found: DumpDocument[] = [];

  /** `parseLine`: the value of a line that may be one whole document; undefined when it is none. */
  constructor(parseLine = valueOfLine) {
    this.#parseLine = parseLine;
  }

  /** Takes the next bytes and gives the records that are complete now. */
  push(bytes: Buffer): DumpDocument[] {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.#append(bytes.subarray(at, at + PIECE_BYTES));
      while (this.#step());
    }
    return this.#take();
  }

  /** Gives what is left at the end of the input. Call it once, after the last `push`. */
  end(): DumpDocument[] {
    this.#ended = true;
    while (this.#step());
    if (this.#opened) this.#found.push({ malformed: "the input ends before this is closed", ...this.#opened });
    return this.#take();
  }

  /** How far it has read. */
  position(): { line: number; offset: number } {
    return { line: this.#line, offset: this.#passed + this.#at };
  }

  #take(): DumpDocument[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** Moves what is left to the front of a buffer that is used again and again, so that pieces make no garbage. */
  #append(bytes: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#passed += this.#at;
    this.#at = 0;
    if (rest.length === 0) this.#bytes = bytes;
    else {
      const length = rest.length + bytes.length;
      const room = length <= this.#room.length ? this.#room : Buffer.allocUnsafeSlow(2 * length);
      rest.copy(room);
      bytes.copy(room, rest.length);
      this.#room = room;
      this.#bytes = room.subarray(0, length);
    }
    this.#encoding = isAscii(this.#bytes) ? "latin1" : "utf8";
  }

  /** Goes one step forward; false when it needs more bytes. */
  #step(): boolean {
    if (this.#broken) return this.#skip(this.#broken);
    if (this.#scanner) return this.#scan(this.#scanner);
    if (!this.#toRecord()) return false;
    const byte = this.#bytes[this.#at];
    if (this.#inArray) return this.#element(byte);
    if (byte === OPEN_OBJECT) return this.#object();
    if (byte === OPEN_ARRAY) return this.#array();
    return this.#plainLine();
  }

  #element(byte: number | undefined): boolean {
    if (byte === CLOSE_ARRAY) return this.#closeArray();
    // A word or string right after an element belongs to that element: its end was not where it seemed to be.
    if (byte === OPEN_OBJECT || this.#separated) return this.#startScan(false);
    this.#giveUp(NOT_JSON);
    return true;
  }

  /** Skips white space, BOMs and the commas between elements; false when the bytes end before a record. */
  #toRecord(): boolean {
    const bytes = this.#bytes;
    for (; this.#at < bytes.length; this.#at++) {
      const byte = bytes[this.#at];
      if (byte === LINE_FEED) this.#newLine();
      else if (byte === SPACE || byte === TAB) this.#indent += this.#firstInLine ? 1 : 0;
      else if (byte === 0xef && BOM.equals(bytes.subarray(this.#at, this.#at + 3))) this.#at += 2;
      else if (byte === 0xef && bytes.length - this.#at < 3 && !this.#ended) return false;
      else if (byte === COMMA) this.#separated = true;
      else if (byte !== 0x1e && !isSpace(byte)) return true;
    }
    this.#at = bytes.length;
    return false;
  }

  #newLine(): void {
    this.#line++;
    this.#indent = 0;
    this.#firstInLine = this.#separated = true;
  }

  /** The fast path: most lines are one document, and `JSON.parse` is the quickest way to know. */
  #object(): boolean {
    if (this.#passed + this.#at < this.#triedTo) return this.#startScan(true);
    const feed = this.#bytes.indexOf(LINE_FEED, this.#at);
    if (feed < 0 && !this.#ended && this.#bytes.length - this.#at < PATIENCE_BYTES) return false;
    let end = feed < 0 ? this.#bytes.length : feed;
    this.#triedTo = this.#passed + end;
    while (isSpace(this.#bytes[end - 1])) end--;
    const isWhole = this.#bytes[end - 1] === CLOSE_OBJECT && (feed >= 0 || this.#ended);
    if (!isWhole || end - this.#at > RECORD_LIMIT_BYTES) return this.#startScan(true);
    const text = this.#bytes.toString(this.#encoding, this.#at, end);
    const value = this.#parseLine(text);
    if (value === undefined || recordsIn(value) !== null) return this.#startScan(true);
    this.#emit(value, text, end, 0);
    return true;
  }

  /** Opens an array of records. A line such as `[info] started` is not one. */
  #array(): boolean {
    let next = this.#at + 1;
    while (isSpace(this.#bytes[next])) next++;
    const byte = this.#bytes[next];
    if (byte === undefined && !this.#ended) return this.#tooLong(next);
    if (byte !== undefined && ![OPEN_OBJECT, OPEN_ARRAY, CLOSE_ARRAY, QUOTE].some((start) => start === byte)) {
      return this.#plainLine();
    }
    this.#openArray(null, next, count(this.#bytes, this.#at, next));
    return true;
  }

  #openArray(container: JsonScanner | null, to: number, lines: number): void {
    const text = this.#bytes.toString("utf8", this.#at, Math.min(to, this.#at + CUT_BYTES));
    this.#opened = { text, ...this.position() };
    this.#inArray = true;
    this.#container = container;
    if (container) {
      const head = this.#bytes.toString("utf8", this.#at, to);
      this.#around = { ...this.#opened, text: head, behind: [], bytes: 0 };
    }
    this.#scanner = null;
    this.#moveTo(to, lines);
    this.#separated = true;
  }

  #closeArray(): boolean {
    this.#moveTo(this.#at + 1, 0);
    this.#inArray = false;
    this.#scanner = this.#container;
    this.#scanner?.forget();
    if (!this.#container) this.#opened = null;
    return true;
  }

  #startScan(watch: boolean): boolean {
    this.#scanner = new JsonScanner(watch);
    return true;
  }

  #scan(scanner: JsonScanner): boolean {
    const result = scanner.scan(this.#bytes, this.#at);
    const end = this.#at + scanner.length;
    if (result === "container") this.#openArray(scanner, end, scanner.takeLines());
    else if (result === "done") this.#endScan(end, scanner.takeLines());
    else if (result === "broken") this.#giveUp(NOT_JSON);
    else if (this.#ended) this.#giveUp("the input ends inside this record");
    else {
      this.#limit(scanner);
      return false;
    }
    return true;
  }

  #endScan(end: number, lines: number): void {
    const isTail = this.#isTail();
    this.#scanner = null;
    if (isTail) {
      this.#keepAround(end);
      this.#moveTo(end, lines);
      this.#container = this.#opened = null;
      this.#emitAround();
    } else if (this.#oversized || end - this.#at > RECORD_LIMIT_BYTES) this.#endOversized(end, lines);
    else {
      const text = this.#bytes.toString("utf8", this.#at, end);
      const value = parseJson(text);
      if (value === undefined) this.#emitMalformed(text, end, lines);
      else this.#emit(value, text, end, lines);
    }
  }

  /** True after the array of a container, where we wait only for the end of the object. */
  #isTail(): boolean {
    return this.#container !== null && !this.#inArray;
  }

  /** Keeps memory small while the end of the record is not there yet. */
  #limit(scanner: JsonScanner): void {
    if (this.#isTail()) this.#keepAround(this.#bytes.length);
    else {
      if (this.#bytes.length - this.#at <= RECORD_LIMIT_BYTES && !this.#oversized) return;
      this.#oversized ??= this.#newBroken(TOO_LARGE);
      keep(this.#oversized, this.#bytes.subarray(this.#at));
    }
    scanner.forget();
    this.#moveTo(this.#bytes.length, scanner.takeLines());
  }

  #keepAround(end: number): void {
    if (!this.#around) return;
    this.#around.bytes += end - this.#at;
    if (this.#around.bytes > RECORD_LIMIT_BYTES) this.#around.behind = [];
    else this.#around.behind.push(Buffer.from(this.#bytes.subarray(this.#at, end)));
  }

  /** Usually only the brackets are left, or a token for the next page. */
  #emitAround(): void {
    if (!this.#around) return;
    const { text: head, behind, bytes, line, offset } = this.#around;
    this.#around = null;
    const text = `${head}]${Buffer.concat(behind).toString("utf8")}`;
    if (bytes > RECORD_LIMIT_BYTES)
      this.#found.push({ malformed: TOO_LARGE, text: head.slice(0, CUT_BYTES), line, offset });
    else if (text.length > LEAST_AROUND) {
      const value = parseJson(text);
      this.#found.push(
        value === undefined ? { malformed: NOT_JSON, text, line, offset } : { value, text, line, offset },
      );
    }
  }

  #endOversized(end: number, lines: number): void {
    const broken = this.#oversized ?? this.#newBroken(TOO_LARGE);
    keep(broken, this.#bytes.subarray(this.#at, end));
    this.#oversized = null;
    this.#moveTo(end, lines);
    this.#found.push(malformed(broken));
  }

  #tooLong(end: number): boolean {
    if (end - this.#at <= RECORD_LIMIT_BYTES) return false;
    this.#giveUp(TOO_LARGE);
    return true;
  }

  #plainLine(): boolean {
    const feed = this.#bytes.indexOf(LINE_FEED, this.#at);
    if (feed < 0 && !this.#ended) return this.#tooLong(this.#bytes.length);
    const end = feed < 0 ? this.#bytes.length : feed;
    if (end - this.#at > RECORD_LIMIT_BYTES) return this.#tooLong(end);
    const text = this.#bytes.toString("utf8", this.#at, end).trimEnd();
    const line = readLine(text, !this.#firstInLine);
    if (line === "broken") this.#giveUp(NOT_JSON);
    else if (line === "words") this.#moveTo(end, 0);
    else if ("value" in line) this.#emit(line.value, text, end, 0);
    else {
      this.#moveTo(this.#at + line.jsonAt, 0);
      this.#firstInLine = true;
      this.#triedTo = this.#passed + end;
      this.#startScan(false);
    }
    return true;
  }

  #emit(value: unknown, text: string, end: number, lines: number): void {
    this.#found.push({ value, text, ...this.position() });
    this.#moveTo(end, lines);
  }

  #emitMalformed(text: string, end: number, lines: number): void {
    const cut = end - this.#at > KEPT_BYTES ? text.slice(0, CUT_BYTES) : text;
    this.#found.push({ malformed: NOT_JSON, text: cut, ...this.position() });
    this.#moveTo(end, lines);
  }

  /** Moves to `end`, after a record or a part of one. The rest of its line belongs to nobody yet. */
  #moveTo(end: number, lines: number): void {
    this.#line += lines;
    this.#at = end;
    this.#firstInLine = this.#separated = false;
  }

  #newBroken(reason: string): Broken {
    const isForeign = NOT_JSON_AT_ALL.test(this.#bytes.toString("latin1", this.#at, this.#at + LOOK_BYTES));
    const place = { inArray: this.#inArray, firstInLine: this.#firstInLine, indent: this.#indent, isForeign };
    return { malformed: reason, ...place, ...this.position(), kept: [], bytes: 0 };
  }

  /** Gives up the record that is being read. The next step looks for the next one. */
  #giveUp(reason: string): void {
    this.#broken = this.#oversized ?? this.#newBroken(reason);
    this.#oversized = null;
    this.#scanner = null;
    this.#opened = null;
    if (!this.#inArray) this.#container = null;
  }

  #skip(broken: Broken): boolean {
    const next = nextRecord(this.#bytes, this.#at, broken);
    if (next < 0 && !this.#ended) {
      this.#drop(broken, Math.max(this.#at, this.#bytes.length - OVERLAP_BYTES));
      return false;
    }
    this.#drop(broken, next < 0 ? this.#bytes.length : next);
    this.#broken = null;
    this.#found.push(malformed(broken));
    this.#placeAfter(this.#at);
    return true;
  }

  #drop(broken: Broken, to: number): void {
    keep(broken, this.#bytes.subarray(this.#at, to));
    this.#moveTo(to, count(this.#bytes, this.#at, to));
  }

  /**
   * Notes the place of a record that was found by its looks. It is first in its line when only white space is before
   * it.
   */
  #placeAfter(at: number): void {
    let from = at;
    while (this.#bytes[from - 1] === SPACE || this.#bytes[from - 1] === TAB) from--;
    this.#firstInLine = this.#bytes[from - 1] === LINE_FEED;
    if (this.#firstInLine) this.#indent = at - from;
  }
}

function keep(broken: Broken, bytes: Buffer): void {
  broken.bytes += bytes.length;
  const held = broken.kept.reduce((sum, piece) => sum + piece.length, 0);
  // A copy, because a view would keep the whole piece of input in memory.
  if (held <= KEPT_BYTES) broken.kept.push(Buffer.from(bytes.subarray(0, KEPT_BYTES + 1 - held)));
}

function malformed({ malformed, line, offset, kept, bytes }: Broken): Malformed {
  const text = Buffer.concat(kept).toString("utf8", 0, bytes > KEPT_BYTES ? CUT_BYTES : bytes);
  return { malformed, text: text.trimEnd(), line, offset };
}

function count(bytes: Buffer, from: number, to: number): number {
  const part = bytes.subarray(from, to);
  let found = 0;
  for (let at = part.indexOf(LINE_FEED); at >= 0; at = part.indexOf(LINE_FEED, at + 1)) found++;
  return found;
}
