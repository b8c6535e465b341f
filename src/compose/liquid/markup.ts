/**
 * Text of the author with values in it, whose place is not known yet: the content of `{% capture %}`, and the results
 * of `escape`, `url_encode` and `newline_to_br`. When it is written, each of its values is escaped for that place,
 * once.
 */
import { Drop } from "liquidjs";
import { escapeHtml } from "../mail/escape.ts";
import type { Value } from "../mail/value-mark.ts";

/** The language of a template around its tags. It is also the language of a `{% capture %}` in it. */
export type Language = "html" | "markdown" | "text";

/** Characters with a meaning in the language. Text without any of them means itself. */
const SIGNS: Record<Language, RegExp | null> = {
  html: /[<&]/,
  markdown: /[\\`*_[\]<>&#|~!\n]|^\s*(?:[-+=]|\d+[.)])/,
  text: null,
};

/** Escapes a value, so that it means itself in the language. */
const ESCAPED: Record<Language, (text: string) => string> = {
  html: escapeHtml,
  // For Markdown an entity is always text. A line break could begin a block, so it becomes a space.
  markdown: (written) =>
    written.replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\s*\n\s*/g, " "),
  text: (written) => written,
};

/** More pieces are joined to one text, because a loop that adds to a captured text would copy them all each time. */
const MOST_PIECES = 2_000;

/** A string is text of the author. */
export type MarkupPiece = string | Value;

/** A text of pieces, as a value in LiquidJS. */
export class Markup extends Drop {
  readonly language: Language;
  readonly pieces: readonly MarkupPiece[];
  /** Whether the author's text has characters with a meaning in the language; if not, it is a text like any other. */
  readonly hasSigns: boolean;

  constructor(language: Language, pieces: readonly MarkupPiece[]) {
    super();
    const signs = SIGNS[language];
    this.language = language;
    this.hasSigns = signs !== null && pieces.some((piece) => typeof piece === "string" && signs.test(piece));
    this.pieces = pieces.length > MOST_PIECES ? [pieces.map((piece) => asWritten(language, piece)).join("")] : pieces;
  }

  /** The value for conditions and filters: the text itself, or markup with its values escaped. */
  override valueOf(): string {
    const text = (piece: MarkupPiece) => (typeof piece === "string" ? piece : piece.text);
    return this.pieces.map((piece) => (this.hasSigns ? asWritten(this.language, piece) : text(piece))).join("");
  }

  /** Answers `{{ captured.size }}`. */
  override liquidMethodMissing(name: string | number): number | undefined {
    return name === "size" ? this.valueOf().length : undefined;
  }
}

/** `value` as a part of markup: a string is escaped, markup gets its values escaped, anything else stays as it is. */
export function inMarkup(language: Language, value: unknown): unknown {
  if (value instanceof Markup) return value.pieces.map((piece) => asWritten(language, piece)).join("");
  return typeof value === "string" ? ESCAPED[language](value) : value;
}

function asWritten(language: Language, piece: MarkupPiece): string {
  if (typeof piece === "string") return piece;
  return piece.kind === "markup" ? piece.text : ESCAPED[language](piece.text);
}

/** Markup with `<br>` for every line end, in values and in captured text. */
export function withBreaks(language: Language, value: Markup | string): Markup {
  const pieces = value instanceof Markup ? value.pieces : [{ kind: "value" as const, text: value }];
  return new Markup(language, pieces.flatMap(breakLines));
}

function breakLines(piece: MarkupPiece): MarkupPiece[] {
  const lines = (typeof piece === "string" ? piece : piece.text).split(/\r?\n/);
  return lines.flatMap((line, index) => {
    const rest: MarkupPiece[] = line === "" ? [] : [typeof piece === "string" ? line : { ...piece, text: line }];
    return index === 0 ? rest : ["<br>\n", ...rest];
  });
}
