/** What a template writes: the author's text as it is, a mark for each value, and the values beside it. */
import { markOf, marksIn, type PartName, type Value, type ValueKind } from "../mail/value-mark.ts";
import { type Language, Markup, type MarkupPiece } from "./markup.ts";
import { plainNumber } from "./numbers.ts";

/** A template with its control flow carried out. The author's text stands there as it is, a mark (`markOf`) for each of `values`. */
export interface Traced {
  skeleton: string;
  values: Value[];
}

/** The one whose template is being rendered: LiquidJS renders without interruption. */
let rendering: Tracer | null = null;

/** Throws when no template is being rendered. */
export function current(): Tracer {
  if (rendering === null) throw new Error("nothing is being rendered");
  return rendering;
}

/** Texts that mean nothing but themselves. `&b=2` is no entity, in an address (HTML, character reference in an attribute). */
const INERT = {
  html: /^[^&<>"'`\s]+(?:&\w+=[^&<>"'`\s]*)*$/,
  markdown: /^[\p{L}\p{N}]+$/u,
  text: /^/,
};

/** Collects the values that a template writes, and writes marks in their place. */
export class Tracer {
  readonly values: Value[] = [];
  readonly language: Language;
  readonly #name: PartName;
  /** Those that were captured: written twice, they are one value. */
  readonly #captured = new Map<Value, number>();

  constructor({ name, language }: { name: PartName; language: Language }) {
    this.#name = name;
    this.language = language;
  }

  /** What is written while `work` renders is collected here. */
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

  emit(kind: ValueKind, value: unknown): string {
    if (value instanceof Markup) return value.pieces.map((piece) => this.#piece(piece)).join("");
    return this.#mark({ kind, text: text(value) });
  }

  /** Written with `| raw`. Without a sign of the language around it is a value like any other, else it is part of the author's text. */
  markup(value: unknown): string {
    if (value instanceof Markup) return this.emit("value", value);
    const written = text(value);
    return INERT[this.language].test(written) ? this.emit("markup", written) : written;
  }

  /** What was written in between `{% capture %}` and its end. */
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

/** A filter may have cut an emoji in two; half of one is not Unicode and has no bytes. */
export function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("");
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (value instanceof Markup) return value.valueOf();
  if (typeof value === "number") return plainNumber(value);
  return typeof value === "boolean" ? String(value) : "";
}
