/**
 * Writes the bodies of SendEmail requests. What mails share is made JSON and bytes once; a mail has its own values put between. The bytes
 * are those of `JSON.stringify(requestOf(mail, tags))` (`../request-body.ts`).
 *
 * Buffers are used again: a new one for each mail, outside of the heap, would have V8 collect all garbage many times as often.
 */
import { type ComposedMail, type Header, type Pieces, type Tag, wholeText } from "../../message.ts";

/** Buffers that nobody uses, for bodies up to `LARGEST`. */
const MOST_FREE_BYTES = 32 * 1024 * 1024;
/** A mail beyond this is rare, and gets a buffer for itself. */
const LARGEST = 512 * 1024;
const SMALLEST = 16 * 1024;

/** One mail on its way. */
export interface Letter {
  mail: ComposedMail;
  /** Added to those of the mail. */
  tags: readonly Tag[];
}

/** A character takes three bytes of UTF-8 at most. */
const MOST_BYTES_A_UNIT = 3;

/** Writes bodies, and keeps the buffers for the next ones. */
export class BodyWriter {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;
  /** By the array of the pieces that mails share: their JSON. */
  readonly #shared = new WeakMap<readonly string[], readonly Buffer[] | null>();
  readonly #seen = new WeakSet<readonly string[]>();

  /** The body for a letter whose mail has no attachments: they are left out. */
  write({ mail, tags }: Letter): Buffer {
    const html = this.#partsOf(mail.html);
    const text = this.#partsOf(mail.text);
    const before = beforeHtml(mail);
    const after = afterText(mail, tags);
    const most = MOST_BYTES_A_UNIT * (before.length + BETWEEN.length + after.length) + mostOf(html) + mostOf(text);
    const buffer = this.#take(most);
    let end = buffer.write(before);
    end = put(html, buffer, end);
    end += buffer.write(BETWEEN, end, "latin1");
    end = put(text, buffer, end);
    end += buffer.write(after, end);
    return buffer.subarray(0, end);
  }

  #partsOf(text: string | Pieces): Parts {
    if (typeof text === "string") return { fixed: null, values: [inside(text)] };
    const { fixed, values } = text;
    // Halves of a character may meet where a value begins or ends.
    const shared = values.every(isWellFormed) ? this.#sharedOf(fixed) : null;
    if (shared === null) return { fixed: null, values: [inside(wholeText(text))] };
    return { fixed: shared, values: values.map(inside) };
  }

  /** Null for what only one mail has had so far: it may stay the only one. */
  #sharedOf(fixed: readonly string[]): readonly Buffer[] | null {
    const known = this.#shared.get(fixed);
    if (known !== undefined) return known;
    if (!this.#seen.has(fixed)) {
      this.#seen.add(fixed);
      return null;
    }
    const isSound = fixed.every((piece) => piece.isWellFormed());
    const made = isSound ? fixed.map((piece) => Buffer.from(inside(piece))) : null;
    this.#shared.set(fixed, made);
    return made;
  }

  #take(most: number): Buffer {
    const last = this.#free.pop();
    if (last === undefined) return Buffer.allocUnsafeSlow(Math.max(SMALLEST, most));
    this.#freeBytes -= last.length;
    return last.length >= most ? last : Buffer.allocUnsafeSlow(most);
  }

  /** Uses the buffer of a body for others from now on. To be called once, when nobody reads it any more, or never. */
  release(body: Buffer): void {
    const buffer = Buffer.from(body.buffer);
    if (buffer.length > LARGEST || this.#freeBytes + buffer.length > MOST_FREE_BYTES) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.length;
  }
}

const isWellFormed = (text: string): boolean => text.isWellFormed();

const BETWEEN = '","Charset":"UTF-8"},"Text":{"Data":"';

/** The JSON up to the HTML, which is what `requestOf` has there. */
function beforeHtml({ from, to, replyTo, subject }: ComposedMail): string {
  const answers = replyTo.length === 0 ? "" : `"ReplyToAddresses":[${replyTo.map(quoted).join(",")}],`;
  return `{"FromEmailAddress":${quoted(from)},"Destination":{"ToAddresses":[${quoted(to)}]},${answers}"Content":{"Simple":{"Subject":{"Data":${quoted(subject)},"Charset":"UTF-8"},"Body":{"Html":{"Data":"`;
}

/** The JSON behind the text. */
function afterText({ headers, tags: own, configurationSet, tenant }: ComposedMail, tags: readonly Tag[]): string {
  const set = configurationSet ? `,"ConfigurationSetName":${quoted(configurationSet)}` : "";
  const owner = tenant === undefined ? "" : `,"TenantName":${quoted(tenant)}`;
  return `","Charset":"UTF-8"}},"Headers":[${pairs(headers)}]}},"EmailTags":[${pairs([...own, ...tags])}]${set}${owner}}`;
}

function pairs(all: readonly (Header | Tag)[]): string {
  let text = "";
  for (const { name, value } of all)
    text += `${text === "" ? "" : ","}{"Name":${quoted(name)},"Value":${quoted(value)}}`;
  return text;
}

/** What JSON has between quotes as it is. Most names and addresses are so. */
const PLAIN = /^[ !#-[\]-~]*$/;

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/** The text as JSON has it between the quotes. */
const inside = (text: string): string => (PLAIN.test(text) ? text : JSON.stringify(text).slice(1, -1));

/** JSON of a text: its values between shared bytes, or the whole as its only value. */
interface Parts {
  fixed: readonly Buffer[] | null;
  values: readonly string[];
}

function mostOf({ fixed, values }: Parts): number {
  let most = 0;
  if (fixed !== null) for (const piece of fixed) most += piece.length;
  for (const value of values) most += MOST_BYTES_A_UNIT * value.length;
  return most;
}

function put({ fixed, values }: Parts, buffer: Buffer, at: number): number {
  const [only = ""] = values;
  if (fixed === null) return at + buffer.write(only, at);
  let end = at;
  for (let index = 0; index < fixed.length; index++) {
    end += fixed[index]?.copy(buffer, end) ?? 0;
    const value = values[index];
    if (value !== undefined && value !== "") end += buffer.write(value, end);
  }
  return end;
}
