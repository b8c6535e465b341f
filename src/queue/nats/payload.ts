/**
 * The mails that ancestors of ses-mail exchange over NATS: MessagePack, as Rust's `rmp_serde` writes and reads it.
 * message-pack.ts reads MessagePack of any other shape.
 */
import { Decoder, encode } from "@msgpack/msgpack";
import { utf8Text } from "../../json.ts";
import { shortened } from "../../printable.ts";

/** So much of a name is shown in a reason. */
const MOST_SHOWN = 60;

/** One mail, as the ancestors' gateway publishes it. */
export interface NatsMail {
  /** Names the mail: whoever reads it twice sends it once. */
  uuid: string;
  email: string;
  subject: string;
  /** HTML. */
  body: string;
}

/** The names of a mail's parts, in the order of the array. */
const PARTS = ["uuid", "email", "subject", "body"] as const;
/** Read by the address rules, which have better words for an empty one. */
const MAY_BE_EMPTY = new Set<string>(["email"]);
const MOST_BYTES = 10 * 1024 * 1024;
const ARRAY = "[uuid, email, subject, body]";

// Texts come as bytes, because the library turns bytes that are no UTF-8 into wrong letters without a word.
const decoder = new Decoder({ rawStrings: true, maxBinLength: MOST_BYTES, maxArrayLength: 4, maxMapLength: 4 });

/** The array `[uuid, email, subject, body]`, byte for byte as `rmp_serde::to_vec` writes a struct with these fields. */
export function encodeMail(mail: NatsMail): Uint8Array {
  return encode(PARTS.map((part) => mail[part]));
}

/**
 * Reads an array of four texts, or a map with exactly their names. `wrong` says in one line why there is no mail in it:
 * it is not MessagePack, has another shape, an unknown name, something that is no text, bad UTF-8, a NUL, an empty uuid,
 * subject or body, or more than 10 MB. Never throws. Whether the address is one is not looked at.
 */
export function decodeMail(bytes: Uint8Array): NatsMail | { wrong: string } {
  if (bytes.length > MOST_BYTES) return { wrong: `it has ${bytes.length} bytes; expected 10 MB at most` };
  const problem = problemOfShape(bytes);
  if (problem !== null) return { wrong: problem };
  try {
    return textsOf(decoder.decode(bytes));
  } catch (error) {
    return { wrong: `it is not MessagePack: ${(error as Error).message}` };
  }
}

function textsOf(value: unknown): NatsMail | { wrong: string } {
  const raw = (
    Array.isArray(value) ? value : PARTS.map((part) => (value as Record<string, unknown>)[part])
  ) as unknown[];
  const texts: string[] = [];
  for (const [index, part] of PARTS.entries()) {
    const text = utf8Text(raw[index] as Uint8Array);
    if (text === null) return { wrong: `${part} is not UTF-8` };
    if (text.includes("\0")) return { wrong: `${part} has a NUL character` };
    if (text === "" && !MAY_BE_EMPTY.has(part)) return { wrong: `${part} is empty` };
    texts.push(text);
  }
  const [uuid, email, subject, body] = texts as [string, string, string, string];
  return { uuid, email, subject, body };
}

/**
 * Looks at the heads only. A library would first build whatever the bytes describe: ten million lists in one another take
 * it gigabytes.
 */
function problemOfShape(bytes: Uint8Array): string | null {
  const head = bytes[0];
  if (head === undefined) return "it is empty";
  if (head === 0x7b || head === 0x5b) return `it is JSON; expected MessagePack, the array ${ARRAY}`;
  const list = sizeOf(bytes, 0x90, 0xdc);
  if (list !== null) return problemOfArray(bytes, list);
  const map = sizeOf(bytes, 0x80, 0xde);
  if (map !== null) return problemOfMap(bytes, map);
  return `it is neither the array ${ARRAY} nor a map with these names`;
}

interface Size {
  count: number;
  /** Where the first item begins. */
  at: number;
}

/** Of an array or map: MessagePack has a short form, with the count in the head, and forms of 16 and 32 bits. */
function sizeOf(bytes: Uint8Array, short: number, wide: number): Size | null {
  const head = bytes[0] as number;
  if ((head & 0xf0) === short) return { count: head & 0x0f, at: 1 };
  if (head === wide) return { count: numberAt(bytes, 1, 2), at: 3 };
  if (head === wide + 1) return { count: numberAt(bytes, 1, 4), at: 5 };
  return null;
}

/** NaN when the bytes end before it does. */
function numberAt(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) return NaN;
  return bytes.subarray(at, at + width).reduce((number, byte) => number * 256 + byte, 0);
}

function problemOfArray(bytes: Uint8Array, { count, at }: Size): string | null {
  if (count !== PARTS.length) return `expected the array ${ARRAY}, got an array of ${countText(count)}`;
  let next = at;
  for (const part of PARTS) {
    const text = textAt(bytes, next);
    if (typeof text === "string") return `${part} ${text}`;
    next = text.end;
  }
  return problemOfEnd(bytes, next);
}

function problemOfMap(bytes: Uint8Array, { count, at }: Size): string | null {
  const missing = new Set<string>(PARTS);
  let next = at;
  for (let index = 0; index < count; index++) {
    const name = textAt(bytes, next);
    if (typeof name === "string") return `name ${index + 1} of the map ${name}`;
    const text = nameOf(bytes.subarray(name.begin, name.end));
    if (!missing.delete(text)) return `the map has ${twiceOrUnknown(text)}`;
    const value = textAt(bytes, name.end);
    if (typeof value === "string") return `${text} ${value}`;
    next = value.end;
  }
  const [first] = missing;
  if (first !== undefined) return `the map has no ${first}`;
  return problemOfEnd(bytes, next);
}

const countText = (count: number): string => (Number.isNaN(count) ? "no whole length" : String(count));
const nameOf = (raw: Uint8Array): string =>
  shortened(new TextDecoder().decode(raw.subarray(0, 4 * MOST_SHOWN + 4)), MOST_SHOWN);
const twiceOrUnknown = (name: string): string =>
  (PARTS as readonly string[]).includes(name) ? `${name} twice` : `the unknown name ${JSON.stringify(name)}`;

/** Where the text at `at` begins and ends, or what is there in its place. */
function textAt(bytes: Uint8Array, at: number): { begin: number; end: number } | string {
  const head = bytes[at];
  if (head === undefined) return "is missing: the bytes end before it";
  const width = head === 0xd9 ? 1 : head === 0xda ? 2 : head === 0xdb ? 4 : 0;
  if (width === 0 && (head & 0xe0) !== 0xa0) return "is not a text";
  const length = width === 0 ? head & 0x1f : numberAt(bytes, at + 1, width);
  const begin = at + 1 + width;
  if (!(begin + length <= bytes.length)) return "is cut off: the bytes end before it does";
  return { begin, end: begin + length };
}

function problemOfEnd(bytes: Uint8Array, end: number): string | null {
  const left = bytes.length - end;
  if (left === 0) return null;
  return `there ${left === 1 ? "is 1 byte" : `are ${left} bytes`} behind the mail`;
}
