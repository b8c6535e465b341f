/** What a template writes: the author's text as it is, a mark for each value, and the values beside it. */
import { Drop } from "liquidjs";
import { escapeHtml } from "../escape.ts";
import { markOf, type PartName, type Value, type ValueKind } from "../value-mark.ts";
import { plainNumber } from "./numbers.ts";

/** The language around the tags. In HTML what `{% capture %}` holds is HTML; in Markdown a line of tags alone is no line. */
export type Language = "html" | "markdown" | "text";

/** A template with its control flow carried out. The author's text stands there as it is, a mark (`markOf`) for each of `values`. */
export interface Traced {
  skeleton: string;
  values: Value[];
}

/** What `{% capture %}` holds in HTML: the author's markup, with the values in it escaped. Not escaped again when it is written. */
export class Markup extends Drop {
  readonly html: string;

  constructor(html: string) {
    super();
    this.html = html;
  }

  override valueOf(): string {
    return this.html;
  }
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

/** A value inside `{% capture %}`, so that it means itself wherever the captured text ends up. */
const CAPTURED: Record<Language, (written: string) => string> = {
  html: escapeHtml,
  // Markdown takes an entity for text, never for a sign of its own; a line break could begin a block.
  markdown: (written) =>
    written.replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\s*\n\s*/g, " "),
  text: (written) => written,
};

/** Collects the values that a template writes, and writes marks in their place. */
export class Tracer {
  readonly values: Value[] = [];
  readonly language: Language;
  readonly #name: PartName;
  /** How many `{% capture %}` are open: what is written in them may be compared, cut and counted, so it is the value itself. */
  captures = 0;

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
    if (value instanceof Markup) return this.markup(value.html);
    const written = text(value);
    if (this.captures > 0) return kind === "markup" ? written : CAPTURED[this.language](written);
    return markOf(this.#name, kind, this.values.push({ kind, text: written }) - 1);
  }

  /** Written with `| raw`. Without a sign of the language around it is a value like any other, else it is part of the author's text. */
  markup(written: string): string {
    return this.captures === 0 && INERT[this.language].test(written) ? this.emit("markup", written) : written;
  }

  lines(value: unknown): string {
    return text(value)
      .split(/\r?\n/)
      .map((line) => (line === "" ? "" : this.emit("value", line)))
      .join("<br>\n");
  }
}

/** A filter may have cut an emoji in two; half of one is not Unicode and has no bytes. */
export function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("");
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (value instanceof Markup) return value.html;
  if (typeof value === "number") return plainNumber(value);
  return typeof value === "boolean" ? String(value) : "";
}
