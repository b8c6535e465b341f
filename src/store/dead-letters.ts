/** What is kept of what an inlet could not take in, and whom it names. */
import { domainToUnicode } from "node:url";
import type { NewDeadLetter } from "./rows.ts";
import { shortened } from "../printable.ts";

/** The longest reason, in characters. */
export const MOST_REASON = 1_000;
/** The longest origin, in characters. An index must take it. */
const MOST_ORIGIN = 500;
/** So much of the end of a longer origin is kept: it tells one delivery from another. */
const ORIGIN_END = 100;
/** About how many bytes a letter takes beside its body. */
export const BESIDE_BODY = 1_000;
/** Letters are written together until they have so many bytes, or are so many. */
const [BATCH_BYTES, BATCH_LETTERS] = [4_194_304, 200];

/**
 * The letter with texts that every store keeps as they are, and that have an end. Strangers wrote parts of them. Its body is the same
 * bytes.
 */
export function fitLetter(letter: NewDeadLetter): NewDeadLetter & { body: Buffer } {
  const { source, origin, reason, body, extras } = letter;
  return {
    source,
    origin: sound(origin.length > MOST_ORIGIN ? middleCut(origin) : origin),
    reason: sound(shortened(reason, MOST_REASON - 1)),
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    extras: extras === null ? null : sound(extras),
  };
}

const middleCut = (text: string): string =>
  `${text.slice(0, MOST_ORIGIN - ORIGIN_END - 1)}…${text.slice(text.length - ORIGIN_END)}`;

/** Without the character NUL and halves of characters. */
const sound = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");

/**
 * The origin under which a letter is kept when letters with other bytes have its own already: a stream that was made again counts from
 * the beginning. `number` 1: its own.
 */
export const originNumber = (origin: string, number: number): string =>
  number === 1 ? origin : `${origin} (${number})`;

/** The letters in parts that are each small enough for one round trip, in order. */
export function letterBatches<L extends { body: Uint8Array }>(letters: readonly L[]): L[][] {
  const batches: L[][] = [];
  let bytes = 0;
  for (const letter of letters) {
    const last = batches.at(-1);
    bytes += letter.body.length;
    if (last !== undefined && bytes <= BATCH_BYTES && last.length < BATCH_LETTERS) {
      last.push(letter);
      continue;
    }
    batches.push([letter]);
    bytes = letter.body.length;
  }
  return batches;
}

/**
 * Makes a function that tells whether a letter names this address, in whatever case: in its body or its extras, as text of any kind
 * (JSON with its escapes, MessagePack), with its domain in either form. Of other addresses that only contain this one it says no.
 */
export function letterNames(address: string): (letter: Pick<NewDeadLetter, "body" | "extras">) => boolean {
  const at = address.lastIndexOf("@");
  const unicode = `${address.slice(0, at)}@${domainToUnicode(address.slice(at + 1))}`;
  const forms = [...new Set([address, unicode].map((form) => form.toLowerCase()))];
  const isIn = (text: string): boolean =>
    readings(text).some((reading) => forms.some((form) => occurs(reading, form, (start) => isFirst(reading, start))));
  return ({ body: bytes, extras }) => {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (isIn(body.toString("utf8")) || forms.some((form) => beginsText(body, form))) return true;
    // The extras of NATS are JSON in base64url.
    return extras !== null && [extras, Buffer.from(extras, "base64url").toString("utf8")].some(isIn);
  };
}

/** A text in lower case, and what it says when it is JSON. */
function readings(text: string): string[] {
  const lower = text.toLowerCase();
  if (!lower.includes("\\u")) return [lower];
  const unescaped = text.replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return [lower, unescaped.toLowerCase()];
}

/** True when the text has this address, where `begins` says yes to its place, and where no longer domain goes on. */
function occurs(text: string, form: string, begins: (at: number) => boolean): boolean {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    const end = at + form.length;
    if (begins(at) && !/^\.?[a-z0-9-]/.test(text.slice(end, end + 2))) return true;
  }
  return false;
}

/** True when nothing that an address may have stands right before this place. */
const isFirst = (text: string, at: number): boolean => !/[a-z0-9.!#$%&'*+/=?^_`{|}~-]/.test(text.charAt(at - 1));

/** True when a text in MessagePack begins with this address. Its length stands before it, and may look like a letter. */
function beginsText(body: Buffer, form: string): boolean {
  const [text, bytes] = [body, Buffer.from(form)].map((each) => each.toString("latin1").toLowerCase());
  return occurs(
    text ?? "",
    bytes ?? "",
    (at) => body[at - 2] === 0xd9 || body[at - 3] === 0xda || body[at - 5] === 0xdb,
  );
}
