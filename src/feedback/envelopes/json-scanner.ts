/** Finds where JSON values end, without parsing them. */
import { isObject } from "../../json.ts";
import { asObject } from "./json-value.ts";

const [LINE_FEED, QUOTE, COMMA, COLON, OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x0a, 0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
] as const;

/**
 * What may come next. A closing bracket that fits is always accepted: here we only look for the end, and `JSON.parse`
 * judges later.
 */
const VALUE = 0;
const KEY = 1;
const AFTER_KEY = 2;
const AFTER_VALUE = 3;

/** What the scanner is inside of. */
const NOTHING = 0;
const STRING = 1;
const ESCAPE = 2;
const WORD = 3;

/**
 * Members of a top-level object whose elements are records of their own: of SQS, Lambda, Firehose and CloudWatch Logs.
 */
export const AWS_CONTAINERS = ["Messages", "Records", "records", "events", "logEvents"] as const;
/** The same, with those of other tools: rows of CloudWatch Logs Insights. */
const CONTAINERS = new Set<string>([...AWS_CONTAINERS, "results"]);
/** Elasticsearch writes `{"hits": {"hits": […]}}`. */
const HITS = "hits";

/**
 * What a scan found. `more`: the value goes on after these bytes. `done`: it ended. `broken`: this byte cannot stand
 * here in JSON. `container`: the array that `recordsIn` would give was just opened.
 */
export type Scan = "more" | "done" | "broken" | "container";

/** The records of an object that only carries records, such as `{"Messages": […]}`; null when it is none. */
export function recordsIn(value: unknown): readonly unknown[] | null {
  if (!isObject(value)) return null;
  for (const name of CONTAINERS) {
    const member = Object.hasOwn(value, name) ? value[name] : null;
    if (Array.isArray(member)) return member;
  }
  const hits = Object.hasOwn(value, HITS) ? asObject(value[HITS])[HITS] : null;
  return Array.isArray(hits) ? hits : null;
}

/** True for a space, a tab, a line end, and NUL, which fills the end of files that were allocated in advance. */
export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09 || byte === 0;
}

/** True for letters, digits, `+`, `-` and `.`: numbers, true, false and null are made of them. */
function isWord(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x2b && byte <= 0x39 && byte !== COMMA) || byte === 0x45;
}

/**
 * Finds the end of one JSON value, also when its bytes come in pieces. It knows enough grammar to see within a token or
 * two that a value was cut off and another one follows. Counting brackets alone would swallow everything after it.
 */
export class JsonScanner {
  /** Bytes read since the start of the value, or since `forget`. */
  length = 0;
  #lines = 0;
  readonly #open: number[] = [];
  #watch: boolean;
  #expect = VALUE;
  #token = NOTHING;
  #keyFrom = 0;
  #keyTo = 0;
  /** True directly inside the object of the member `hits` at the top. */
  #inHits = false;

  /** `watch`: stop at the first array of records (see `recordsIn`). */
  constructor(watch: boolean) {
    this.#watch = watch;
  }

  /** The number of line feeds read since the last call. */
  takeLines(): number {
    const lines = this.#lines;
    this.#lines = 0;
    return lines;
  }

  /** To be called when the caller drops the bytes read so far and passes the next ones as a new start. */
  forget(): void {
    this.length = 0;
    this.#watch = false;
  }

  /** Reads on in `bytes`, where the value starts at index `start`. */
  scan(bytes: Buffer, start: number): Scan {
    let at = start + this.length;
    let result: Scan = "more";
    while (result === "more" && at < bytes.length) {
      if (this.#token === NOTHING) {
        result = this.#take(bytes[at] ?? 0, bytes, start, at);
        if (result !== "broken") at++;
        continue;
      }
      at = this.#token === WORD ? this.#toEndOfWord(bytes, at) : this.#toEndOfString(bytes, at);
      if (this.#token === NOTHING) result = this.#endToken(at - start);
      else if (at < bytes.length) result = "broken";
    }
    this.length = at - start;
    return result;
  }

  #take(byte: number, bytes: Buffer, start: number, at: number): Scan {
    if (isSpace(byte)) {
      if (byte === LINE_FEED) this.#lines++;
      return "more";
    }
    if (byte === QUOTE) return this.#openString(at + 1 - start);
    if (byte === COLON) return this.#move(AFTER_KEY, VALUE);
    if (byte === COMMA) return this.#move(AFTER_VALUE, this.#open.at(-1) === OPEN_OBJECT ? KEY : VALUE);
    if (byte === CLOSE_OBJECT) return this.#close(OPEN_OBJECT);
    if (byte === CLOSE_ARRAY) return this.#close(OPEN_ARRAY);
    if (this.#expect !== VALUE) return "broken";
    if (byte === OPEN_OBJECT) return this.#openObject(bytes, start);
    if (byte === OPEN_ARRAY) return this.#openArray(bytes, start);
    if (!isWord(byte)) return "broken";
    this.#token = WORD;
    return "more";
  }

  #openString(at: number): Scan {
    if (this.#expect !== VALUE && this.#expect !== KEY) return "broken";
    if (this.#expect === KEY) this.#keyFrom = at;
    this.#token = STRING;
    return "more";
  }

  /** Leaves `#token` at NOTHING after the word, or at WORD when it may go on in the next bytes. */
  #toEndOfWord(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && isWord(bytes[at] ?? 0)) at++;
    if (at < bytes.length) this.#token = NOTHING;
    return at;
  }

  /** Leaves `#token` at NOTHING after the closing quote, or at STRING before a line feed, which no string may hold. */
  #toEndOfString(bytes: Buffer, from: number): number {
    let at = from;
    let escaped = this.#token === ESCAPE;
    this.#token = STRING;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === LINE_FEED) return at;
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) {
        this.#token = NOTHING;
        return at + 1;
      }
    }
    if (escaped) this.#token = ESCAPE;
    return at;
  }

  #endToken(at: number): Scan {
    if (this.#expect !== KEY) return this.#valueEnded();
    this.#keyTo = at - 1;
    this.#expect = AFTER_KEY;
    return "more";
  }

  #move(from: number, to: number): Scan {
    if (this.#expect !== from) return "broken";
    this.#expect = to;
    return "more";
  }

  #nest(kind: number, expect: number): Scan {
    this.#open.push(kind);
    this.#expect = expect;
    return "more";
  }

  #openObject(bytes: Buffer, start: number): Scan {
    if (this.#open.length === 1) this.#inHits = this.#watch && this.#key(bytes, start) === HITS;
    return this.#nest(OPEN_OBJECT, KEY);
  }

  #openArray(bytes: Buffer, start: number): Scan {
    if (!this.#watch || !this.#opensRecords(bytes, start)) return this.#nest(OPEN_ARRAY, VALUE);
    this.#expect = AFTER_VALUE;
    return "container";
  }

  #opensRecords(bytes: Buffer, start: number): boolean {
    const depth = this.#open.length;
    if (this.#open[0] !== OPEN_OBJECT || this.#open[depth - 1] !== OPEN_OBJECT) return false;
    if (depth === 1) return CONTAINERS.has(this.#key(bytes, start));
    return depth === 2 && this.#inHits && this.#key(bytes, start) === HITS;
  }

  #key(bytes: Buffer, start: number): string {
    return bytes.toString("latin1", start + this.#keyFrom, start + this.#keyTo);
  }

  #close(kind: number): Scan {
    if (this.#open.at(-1) !== kind) return "broken";
    this.#open.pop();
    return this.#valueEnded();
  }

  #valueEnded(): Scan {
    this.#expect = AFTER_VALUE;
    return this.#open.length === 0 ? "done" : "more";
  }
}
