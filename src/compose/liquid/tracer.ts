/** Collects what a template writes: the author's text with a mark for each value, and the values separately. */
import { markOf, marksIn, type PartName, type Value, type ValueKind } from "../mail/value-mark.ts";
import { type Language, Markup, type MarkupPiece } from "./markup.ts";
import { plainNumber } from "./numbers.ts";

/**
 * An executed template: conditions and loops are resolved. The skeleton is the author's text with a mark (`markOf`) for
 * each of `values`.
 */
export interface Traced {
  skeleton: string;
  values: Value[];
}

/** The tracer of the template that is being rendered. There is only one at a time, because rendering is synchronous. */
let rendering: Tracer | null = null;

/** The tracer of the template that is being rendered. Throws when there is none. */
export function current(): Tracer {
  if (rendering === null) throw new Error("nothing is being rendered");
  return rendering;
}

/**
 * Texts that mean themselves in the language. In an address, `&b=2` is no entity (HTML, character reference in an
 * attribute).
 */
const INERT = {
  html: /^[^&<>"'`\s]+(?:&\w+=[^&<>"'`\s]*)*$/,
  markdown: /^[\p{L}\p{N}]+$/u,
  text: /^/,
};

/** Collects the values that one template writes, and gives the marks to write in their place. */
export class Tracer {
  readonly values: Value[] = [];
  readonly language: Language;
  readonly #name: PartName;
  /** The captured values with their numbers: a captured value that is written twice is still one value. */
  readonly #captured = new Map<Value, number>();

  constructor({ name, language }: { name: PartName; language: Language }) {
    this.#name = name;
    this.language = language;
  }

  /** Makes this tracer `current` while `work` renders. */
  during<T>(work: () => T): T {
    const outer = rendering;
    // oxlint-disable-next-line typescript/no-this-alias
    rendering = this;
    try {
      return work();
    } finally {
      rendering = outer;
    }
  }

  /** The mark for a value, which is collected; for markup, its pieces with their marks. */
  emit(kind: ValueKind, value: unknown): string {
    if (value instanceof Markup) return value.pieces.map((piece) => this.#piece(piece)).join("");
    return this.#mark({ kind, text: text(value) });
  }

  /**
   * The text to write for `| raw`. A value without any character that matters in the language gets a mark; any other
   * becomes part of the author's text.
   */
  markup(value: unknown): string {
    if (value instanceof Markup) return this.emit("value", value);
    const written = text(value);
    return INERT[this.language].test(written) ? this.emit("markup", written) : written;
  }

  /** The markup for the text that was written inside `{% capture %}`. */
  captured(written: string): Markup {
    const pieces: MarkupPiece[] = [];
    let done = 0;
    for (const { start, end, index } of marksIn(written)) {
      const value = this.values[index];
      if (start > done) pieces.push(written.slice(done, start));
      if (value !== undefined) pieces.push(value);
      if (value !== undefined) this.#captured.set(value, index);
      done = end;
    }
    if (done < written.length) pieces.push(written.slice(done));
    return new Markup(this.language, pieces);
  }

  #piece(piece: MarkupPiece): string {
    if (typeof piece === "string") return piece;
    const known = this.#captured.get(piece);
    return known === undefined ? this.#mark(piece) : markOf(this.#name, piece.kind, known);
  }

  #mark(value: Value): string {
    return markOf(this.#name, value.kind, this.values.push(value) - 1);
  }
}

/**
 * The text of a value as a template writes it; "" for nil and objects. Lone surrogates become U+FFFD, because a filter
 * may have cut an emoji in two.
 */
export function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("");
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (value instanceof Markup) return value.valueOf();
  if (typeof value === "number") return plainNumber(value);
  return typeof value === "boolean" ? String(value) : "";
}
