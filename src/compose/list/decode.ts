/** Turns the bytes of a recipient list into text. */
import { isAscii, isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { UserError } from "../../errors.ts";
import { ownDelimiter } from "./own-files.ts";

/** The bytes at the start that are looked at to recognise the encoding. */
const HEAD_BYTES = 4_096;

/** Files that people mistake for CSV, by their first bytes. */
const NOT_TEXT: { magic: string; is: string; hint: string }[] = [
  { magic: "504b0304", is: "an Excel workbook or a zip file", hint: "export it as CSV (in Excel: CSV UTF-8) first" },
  { magic: "d0cf11e0", is: "an old Excel workbook", hint: "export it as CSV (in Excel: CSV UTF-8) first" },
  { magic: "1f8b", is: "a gzip file", hint: "unpack it first: gunzip -c list.csv.gz | ses-mail send - …" },
  { magic: "25504446", is: "a PDF", hint: "a CSV file is expected" },
  { magic: "89504e47", is: "a picture", hint: "a CSV file is expected" },
];

/** Texts that people mistake for CSV, by their beginning. Some programs call a page of HTML an Excel file. */
const NOT_CSV: { begins: RegExp; is: string; hint: string }[] = [
  { begins: /^\s*[[{]\s*(?:["{[]|$)/, is: "JSON", hint: "export it as CSV, with a header line such as email,name" },
  { begins: /^\s*<(?:!doctype|!--|\?xml|html|head|meta|table|div|style)\b/i, is: "HTML or XML", hint: "open it in a spreadsheet and save it as CSV" }, // prettier-ignore
  { begins: /^\s*begin:vcard/i, is: "a vCard file", hint: "export the contacts as CSV" },
  { begins: /^\{\\rtf/, is: "an RTF document", hint: "save it as plain text, as CSV" },
];

const SAY_ENCODING = "save it as UTF-8, or say what it is: --encoding cp949 (Korean), latin1 (Western Europe), …";

interface Decoder {
  write(bytes: Buffer): string;
  end(): string;
}

/**
 * The text of a byte stream, piece by piece, without its BOM. The encoding comes from the BOM, else from `encoding`
 * (any name iconv-lite knows), else NULs show UTF-16, else it is UTF-8. A file that ses-mail wrote is UTF-8 even when
 * `encoding` names another, because that is meant for the list, unless a spreadsheet has saved it in that encoding.
 * Throws `UserError` for a byte that is not UTF-8 (with its line), an unknown encoding, and files that are no text.
 * `name` is for messages. Closes `input` at the end.
 */
export async function* decode(input: Readable, name: string, encoding: string | undefined): AsyncGenerator<string> {
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  try {
    let head: Buffer = Buffer.alloc(0);
    let ended = false;
    while (head.length < HEAD_BYTES && !ended) {
      const next = await chunks.next();
      if (next.done) ended = true;
      else head = Buffer.concat([head, toBytes(next.value)]);
    }
    const { decoder, skip } = await decoderFor(head, name, encoding);
    yield decoder.write(head.subarray(skip));
    while (!ended) {
      const next = await chunks.next();
      if (next.done) ended = true;
      else yield decoder.write(toBytes(next.value));
    }
    yield decoder.end();
  } finally {
    await chunks.return?.();
  }
}

function toBytes(chunk: Buffer | string): Buffer {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

async function decoderFor(
  head: Buffer,
  name: string,
  encoding: string | undefined,
): Promise<{ decoder: Decoder; skip: number }> {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    refuseOtherFormats(head.subarray(3), name);
    return { decoder: new Utf8Decoder(name), skip: 3 };
  }
  if (head[0] === 0xff && head[1] === 0xfe) return { decoder: utf16("utf-16le", name), skip: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { decoder: utf16("utf-16be", name), skip: 2 };
  refuseOtherFormats(head, name);
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) {
    const decoder = await iconv(encoding);
    const isOurs = ownDelimiter(head.toString("latin1")) !== null;
    return { decoder: isOurs ? new EitherDecoder(new Utf8Decoder(name), decoder) : decoder, skip: 0 };
  }
  const wide = encoding === undefined ? utf16WithoutBom(head) : null;
  if (wide !== null) return { decoder: utf16(wide, name), skip: 0 };
  refuseNulsInHeader(head, name);
  return { decoder: new Utf8Decoder(name), skip: 0 };
}

function refuseOtherFormats(head: Buffer, name: string): void {
  for (const { magic, is, hint } of NOT_TEXT) {
    if (head.toString("hex", 0, magic.length / 2) === magic)
      throw new UserError(`${name} is ${is}, not CSV text`, hint);
  }
  const text = head.toString("latin1");
  for (const { begins, is, hint } of NOT_CSV)
    if (begins.test(text)) throw new UserError(`${name} is ${is}, not CSV`, hint);
}

/** A NUL in a value makes a row bad; a NUL in the first line means that the file is no text. */
function refuseNulsInHeader(head: Buffer, name: string): void {
  const nul = head.indexOf(0);
  const lineEnd = head.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  if (nul >= 0 && (lineEnd < 0 || nul < lineEnd)) {
    throw new UserError(`${name} is not text: its first line holds NUL bytes`, "a CSV file is expected");
  }
}

/** In UTF-16 every ASCII character has a NUL byte, always on the same side. */
function utf16WithoutBom(head: Buffer): "utf-16le" | "utf-16be" | null {
  const nuls = [0, 0];
  head.forEach((byte, index) => {
    if (byte === 0) nuls[index % 2] = (nuls[index % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = nuls;
  const many = head.length / 20;
  if (odd > many && even === 0) return "utf-16le";
  if (even > many && odd === 0) return "utf-16be";
  return null;
}

/** Checks and converts whole chunks natively. Only the 1–3 bytes of a character that was cut in two are carried over. */
class Utf8Decoder implements Decoder {
  readonly #name: string;
  #carry: Buffer = Buffer.alloc(0);
  #lines = 1;

  constructor(name: string) {
    this.#name = name;
  }

  write(chunk: Buffer): string {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    const whole = bytes.length - unfinishedBytes(bytes);
    this.#carry = Buffer.from(bytes.subarray(whole));
    return this.#text(bytes.subarray(0, whole));
  }

  end(): string {
    return this.#text(this.#carry);
  }

  #text(bytes: Buffer): string {
    if (!isUtf8(bytes)) throw this.#refusal(bytes);
    const text = bytes.toString("utf8");
    this.#lines += count(text, "\n");
    return text;
  }

  #refusal(bytes: Buffer): UserError {
    const at = firstInvalid(bytes);
    const before = bytes.toString("utf8", 0, at);
    const line = this.#lines + count(before, "\n");
    const byte = `0x${(bytes[at] ?? 0).toString(16).toUpperCase()}`;
    return new UserError(`${this.#name}, line ${line}: expected UTF-8, got the byte ${byte}`, SAY_ENCODING);
  }
}

/**
 * Decides at the first chunk with bytes beyond ASCII: UTF-8 if they are, else the other encoding. Until then both give
 * the same text.
 */
class EitherDecoder implements Decoder {
  readonly #utf8: Decoder;
  readonly #other: Decoder;
  #carry: Buffer = Buffer.alloc(0);
  #chosen: Decoder | null = null;

  constructor(utf8: Decoder, other: Decoder) {
    this.#utf8 = utf8;
    this.#other = other;
  }

  write(chunk: Buffer): string {
    if (this.#chosen) return this.#chosen.write(chunk);
    const bytes = Buffer.concat([this.#carry, chunk]);
    const whole = bytes.subarray(0, bytes.length - unfinishedBytes(bytes));
    if (isAscii(whole)) {
      this.#carry = Buffer.from(bytes.subarray(whole.length));
      return whole.toString("latin1");
    }
    this.#chosen = isUtf8(whole) ? this.#utf8 : this.#other;
    return this.#chosen.write(bytes);
  }

  end(): string {
    // An unfinished character cannot be UTF-8.
    return this.#chosen ? this.#chosen.end() : this.#other.write(this.#carry) + this.#other.end();
  }
}

/** The number of bytes at the end that belong to a character whose rest is in the next chunk. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

/** The index of the first byte that is not UTF-8. A binary search finds the longest valid prefix. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0;
  let invalid = bytes.length;
  while (valid < invalid) {
    const middle = (valid + invalid + 1) >> 1;
    const prefix = bytes.subarray(0, middle);
    if (isUtf8(prefix.subarray(0, middle - unfinishedBytes(prefix)))) valid = middle;
    else invalid = middle - 1;
  }
  return valid - unfinishedBytes(bytes.subarray(0, valid));
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found++;
  return found;
}

function utf16(label: "utf-16le" | "utf-16be", name: string): Decoder {
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  const checked = (work: () => string): string => {
    try {
      return work();
    } catch {
      throw new UserError(`${name} starts like ${label.toUpperCase()} and holds bytes that are not`, SAY_ENCODING);
    }
  };
  return {
    write: (bytes) => checked(() => decoder.decode(bytes, { stream: true })),
    end: () => checked(() => decoder.decode()),
  };
}

/**
 * Loads iconv-lite only when it is needed. "latin1" means Windows-1252, as in browsers, because such files nearly
 * always are.
 */
async function iconv(encoding: string): Promise<Decoder> {
  const { default: lite } = await import("iconv-lite");
  const label = /^(latin-?1|iso-?8859-?1)$/i.test(encoding) ? "windows-1252" : encoding;
  if (!lite.encodingExists(label)) {
    throw new UserError(
      `--encoding expects the name of an encoding, got "${encoding}"`,
      "for example utf-8, cp949, latin1, utf-16le",
    );
  }
  const decoder = lite.getDecoder(label);
  return { write: (bytes) => decoder.write(bytes), end: () => decoder.end() ?? "" };
}
