/**
 * Writes the bodies of SendEmail requests. What mails share is made JSON and bytes once; a mail has its own values put between. The bytes
 * are those of `JSON.stringify(requestOf(mail, tags))`.
 *
 * Buffers are used again: a new one for each mail, outside of the heap, would have V8 collect all garbage many times as often.
 */
import { type ComposedMail, type Pieces, type Tag, wholeText } from "../../message.ts";
import { requestOf } from "../request-body.ts";

/** Buffers that nobody uses, for bodies up to `LARGEST`. */
const MOST_FREE_BYTES = 32 * 1024 * 1024;
/** A mail beyond this is rare, and gets a buffer for itself. */
const LARGEST = 512 * 1024;
const SMALLEST = 16 * 1024;

/** The body of one request. */
export interface Body {
  bytes: Buffer;
  /** True while a request reads it, and for ever when nobody can tell that it does so no more. */
  isRead: boolean;
}

/** In the JSON of a mail without bodies there is exactly one of these: quotes within a text have a backslash before them. */
const BODIES = '"Body":{"Html":{"Data":"","Charset":"UTF-8"},"Text":{"Data":"","Charset":"UTF-8"}}';
const BEFORE_HTML = '"Body":{"Html":{"Data":"';
const BEFORE_TEXT = '","Charset":"UTF-8"},"Text":{"Data":"';
const AFTER_TEXT = '","Charset":"UTF-8"}}';

/** A character takes three bytes of UTF-8 at most. */
const MOST_BYTES_A_UNIT = 3;

/** Writes bodies, and keeps the buffers for the next ones. */
export class BodyWriter {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;
  /** By the array of the pieces that mails share: their JSON. */
  readonly #shared = new WeakMap<readonly string[], readonly Buffer[] | null>();
  readonly #seen = new WeakSet<readonly string[]>();

  /** The body for `mail`, with `tags` added to its own. The mail has no attachments: they are left out. */
  write(mail: ComposedMail, tags: Tag[]): Body {
    const frame = JSON.stringify(requestOf({ ...mail, html: "", text: "", attachments: [] }, tags));
    const at = frame.indexOf(BODIES);
    const html = this.#partsOf(mail.html);
    const text = this.#partsOf(mail.text);
    const before = frame.slice(0, at) + BEFORE_HTML;
    const after = AFTER_TEXT + frame.slice(at + BODIES.length);
    const most = MOST_BYTES_A_UNIT * (before.length + BEFORE_TEXT.length + after.length) + mostOf(html) + mostOf(text);
    const buffer = this.#take(most);
    let end = buffer.write(before, 0);
    end = put(html, buffer, end);
    end += buffer.write(BEFORE_TEXT, end, "latin1");
    end = put(text, buffer, end);
    end += buffer.write(after, end);
    return { bytes: buffer.subarray(0, end), isRead: false };
  }

  #partsOf(text: string | Pieces): Parts {
    if (typeof text === "string") return { fixed: null, values: [inside(text)] };
    const { fixed, values } = text;
    // Halves of a character may meet where a value begins or ends.
    const shared = values.every((value) => value.isWellFormed()) ? this.#sharedOf(fixed) : null;
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
  release({ bytes }: Body): void {
    const buffer = Buffer.from(bytes.buffer);
    if (buffer.length > LARGEST || this.#freeBytes + buffer.length > MOST_FREE_BYTES) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.length;
  }
}

/** JSON of a text: its values between shared bytes, or the whole as its only value. */
interface Parts {
  fixed: readonly Buffer[] | null;
  values: readonly string[];
}

/** The text as JSON has it between the quotes. */
function inside(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function mostOf({ fixed, values }: Parts): number {
  let most = 0;
  for (const piece of fixed ?? []) most += piece.length;
  for (const value of values) most += MOST_BYTES_A_UNIT * value.length;
  return most;
}

function put({ fixed, values }: Parts, buffer: Buffer, at: number): number {
  let end = at;
  if (fixed === null) {
    for (const value of values) end += buffer.write(value, end);
    return end;
  }
  for (const [index, piece] of fixed.entries()) {
    end += piece.copy(buffer, end);
    const value = values[index];
    if (value !== undefined) end += buffer.write(value, end);
  }
  return end;
}
