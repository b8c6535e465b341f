/**
 * Finds what a text holds besides words: JSON (plain, escaped, or among words), base64, hex, percent-encoding, gzip.
 */
import { JsonScanner } from "./json-scanner.ts";
import { parseJson } from "./json-value.ts";
import { hasTrace, lastTrace } from "./traces.ts";
import { type Budget, isPacked, unpack } from "./unpack.ts";

/** What was found under one layer of a text. */
export interface Layer {
  /** JSON values, and texts that may hold more; in order. */
  values: unknown[];
  /** Why something that seems to be an SES event cannot be read; null when there is none. */
  broken: string | null;
  /** True when its words mention an SES event, as the words before a logged event do. */
  speaks: boolean;
}

/** No event, and no part that we would recognise, has fewer characters. */
const SHORTEST = 16;
/** An event in base64 or hex is longer than this. Ids, hashes and words are not decoded. */
const RUN = /[\w+/-]{60,}={0,2}/g;
const LINES_OF_BASE64 = /^[A-Za-z0-9+/\r\n]+={0,2}\s*$/;
const HEX = /^(?:0x|x)?(?=7b|5b|22|1f8b)[0-9a-f]+$/i;
/** `{"`, `{` with a line end, and the first bytes of gzip, each in base64. */
const BASE64_START = /eyJ|ewog|ewoJ|H4sI/;
/** `{` in a form or a URL, or the characters of base64 that are percent-encoded there, once or several times. */
const ENCODED = /%(?:25)*(?:7B|2B|2F|3D)/i;
/** How nginx writes `{"` in its access log. */
const HEX_QUOTES = /\{\s*\\x22/i;
/** Bytes as programs print them, of a text that starts with `{` or `[`, or as gzip does. */
const BYTES = /[[:]\s*(?:123|91|31)\s*,/;
/** Words in braces, `{request}` or `${name}`, are not JSON and end within this many bytes. */
const WORD_BYTES = 200;

const [SPACE, QUOTE, APOSTROPHE, COLON, BACKSLASH, OPEN, CLOSE] = [0x20, 0x22, 0x27, 0x3a, 0x5c, 0x7b, 0x7d] as const;
const BROKEN = "text that looks like an SES event and cannot be read as JSON";
const NOTHING: Layer = { values: [], broken: null, speaks: false };

/**
 * Takes one layer off a text. What is unpacked counts against `budget`. The time is linear in the length of the text.
 * Never throws.
 */
export function peel(text: string, budget: Budget): Layer {
  if (text.length < SHORTEST) return NOTHING;
  const whole = /^\s*[[{"]/.test(text) ? parseJson(text.trim()) : undefined;
  if (whole !== undefined) return { values: [whole], broken: null, speaks: false };
  const isTraced = hasTrace(text);
  if (isTraced && HEX_QUOTES.test(text)) return { values: [withoutHexEscapes(text)], broken: null, speaks: false };
  // Most texts have nothing to do with SES. They are done here unless they hold packed data.
  const { values, words, broken } =
    isTraced || BYTES.test(text) ? cutOut(text) : { values: [], words: text, broken: null };
  const encoded = ENCODED.test(words) ? formValues(words) : [];
  const packed = unpackRuns(words, budget);
  return {
    values: [...values, ...encoded, ...packed.values],
    broken: broken ?? packed.broken,
    // Percent-encoded text is judged after it is decoded.
    speaks: isTraced && encoded.length === 0 && hasTrace(words),
  };
}

/** The JSON objects in a text, and the words around them. */
export interface Cut {
  values: unknown[];
  words: string;
  /** `BROKEN` when an event in it cannot be read, else null. What follows that event is not read: see `cutOut`. */
  broken: string | null;
  /** True when the part that cannot be read starts like JSON. */
  isJson: boolean;
}

/**
 * Finds JSON objects anywhere in a text. It stops at one that cannot be read if an SES event may be in it or after it.
 * An event printed by another language (`{'eventType': 'Send', …}`) holds the subject of a mail, which a stranger may
 * have written, and which would otherwise be taken for an event.
 */
export function cutOut(text: string): Cut {
  const cut: Cut = { values: [], words: "", broken: null, isJson: true };
  if (!text.includes("{")) return { ...cut, words: text };
  const bytes = Buffer.from(text);
  let trace: number | null = null;
  let from = 0;
  for (let brace = bytes.indexOf(OPEN); brace >= 0;) {
    const piece = pieceAt(bytes, brace);
    if ("end" in piece) {
      if (piece.value !== undefined) {
        cut.values.push(piece.value);
        cut.words += `${bytes.toString("utf8", from, brace)} `;
        from = piece.end;
      }
      brace = bytes.indexOf(OPEN, piece.end);
      continue;
    }
    trace ??= Buffer.byteLength(text.slice(0, lastTrace(text) + 1));
    if (trace > brace) {
      const words = cut.words + bytes.toString("utf8", from, brace);
      return { ...cut, words, broken: BROKEN, isJson: piece.isJson };
    }
    break;
  }
  cut.words += bytes.toString("utf8", from);
  return cut;
}

/**
 * What begins at a brace: a value and its end; an end without a value for a word in braces; or something that cannot be
 * read.
 */
type Piece = { value?: unknown; end: number } | { isJson: boolean };

function pieceAt(bytes: Buffer, brace: number): Piece {
  let next = brace + 1;
  while (isBlank(bytes[next])) next++;
  const byte = bytes[next];
  if (byte === BACKSLASH) return escapedPiece(bytes, brace);
  if (byte === QUOTE && bytes[next + 1] === QUOTE && !isBlank(bytes[next + 2]) && bytes[next + 2] !== COLON) {
    return doubledPiece(bytes, brace);
  }
  if (byte === QUOTE) return jsonPiece(bytes, brace);
  if (byte === OPEN) return { end: brace + 1 };
  const close = bytes.subarray(next, next + WORD_BYTES).findIndex((at) => at === CLOSE || isQuote(at));
  return close >= 0 && bytes[next + close] === CLOSE ? { end: next + close + 1 } : { isJson: false };
}

function jsonPiece(bytes: Buffer, brace: number): Piece {
  const scanner = new JsonScanner(false);
  if (scanner.scan(bytes, brace) !== "done") return { isJson: true };
  const end = brace + scanner.length;
  const value = parseJson(bytes.toString("utf8", brace, end));
  return value === undefined ? { isJson: true } : { value, end };
}

/** Reads `event="{\"eventType\":…}"`, up to the quote that is not escaped. */
function escapedPiece(bytes: Buffer, brace: number): Piece {
  let end = brace;
  while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
  const value = parseJson(`"${bytes.toString("utf8", brace, end)}"`);
  return value === undefined ? { isJson: false } : { value, end: Math.min(end + 1, bytes.length) };
}

/** Reads a cell of a CSV file, `"{""eventType"":…}"`, up to the quote that is not doubled. */
function doubledPiece(bytes: Buffer, brace: number): Piece {
  let end = bytes.indexOf(QUOTE, brace);
  while (end >= 0 && bytes[end + 1] === QUOTE) end = bytes.indexOf(QUOTE, end + 2);
  if (end < 0) end = bytes.length;
  return { value: bytes.toString("utf8", brace, end).replaceAll('""', '"'), end: Math.min(end + 1, bytes.length) };
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

function isQuote(byte: number): boolean {
  return byte === QUOTE || byte === APOSTROPHE || byte === BACKSLASH;
}

function withoutHexEscapes(text: string): string {
  const decode = (run: string) => Buffer.from(run.replaceAll(/\\x/gi, ""), "hex").toString("utf8");
  return text.replaceAll(/(?:\\x[0-9a-f]{2})+/gi, decode);
}

/** The parts of a form (`payload=%7B…`), of a URL, or of text that is only percent-encoded. */
function formValues(words: string): string[] {
  return [...new URLSearchParams(words.trim())].flat().filter((part) => part.length >= SHORTEST);
}

/** Decodes what is written in base64 or hex, and unpacks it when it is packed. */
function unpackRuns(words: string, budget: Budget): Pick<Layer, "values" | "broken"> {
  // Some languages escape slashes in JSON.
  const joined = LINES_OF_BASE64.test(words) ? words.replaceAll(/\s/g, "") : words.replaceAll("\\/", "/");
  const values: unknown[] = [];
  let broken: string | null = null;
  for (const { 0: run, index } of joined.matchAll(RUN)) {
    // This is a part of percent-encoded base64. It is whole after it is decoded.
    if (joined[index - 1] === "%" || joined[index + run.length] === "%") continue;
    for (const bytes of decoded(run)) {
      const text = isPacked(bytes) ? unpack(bytes, budget) : bytes.toString("utf8");
      if (typeof text === "string") {
        if (/^\s*[[{"]/.test(text) || hasTrace(text)) values.push(text);
      } else if (isGzipOf(bytes)) broken ??= `packed data that cannot be unpacked (${text.message})`;
    }
  }
  return { values, broken };
}

/**
 * Decodes a run of letters, as a whole and again from where JSON or gzip begins: a path before it (`…/api/eyJ…`) is
 * made of the same letters.
 */
function decoded(run: string): Buffer[] {
  if (HEX.test(run)) return [Buffer.from(run.replace(/^0?x/i, ""), "hex")];
  const start = run.search(BASE64_START);
  const whole = Buffer.from(run, "base64");
  return start > 0 ? [whole, Buffer.from(run.slice(start), "base64")] : [whole];
}

/**
 * True for gzip, whose third byte is always 8. Two bytes say little: one in 20,000 random texts begins like zlib data.
 */
function isGzipOf(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[2] === 8;
}
