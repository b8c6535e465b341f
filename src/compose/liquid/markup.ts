/**
 * Text of the author with values in it, before it is known where it will stand: what `{% capture %}` holds, and what `escape`, `url_encode` and
 * `newline_to_br` give. Where it is written, each of its values is escaped for that place, once.
 */
import { Drop } from "liquidjs";
import { escapeHtml } from "../mail/escape.ts";
import type { Value } from "../mail/value-mark.ts";

/** The language around the tags. In HTML what `{% capture %}` holds is HTML; in Markdown a line of tags alone is no line. */
export type Language = "html" | "markdown" | "text";

/** Signs of the language: text without any of them is what it reads as. */
const SIGNS: Record<Language, RegExp | null> = {
  html: /[<&]/,
  markdown: /[\\`*_[\]<>&#|~!\n]|^\s*(?:[-+=]|\d+[.)])/,
  text: null,
};

/** A value as the language around it writes one that means itself. */
const ESCAPED: Record<Language, (text: string) => string> = {
  html: escapeHtml,
  // Markdown takes an entity for text, never for a sign of its own; a line break could begin a block.
  markdown: (written) =>
    written.replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\s*\n\s*/g, " "),
  text: (written) => written,
};

/** More values make one text: a loop that adds to a captured text would copy them all each time. */
const MOST_PIECES = 2_000;

/** Texts are the author's. */
export type MarkupPiece = string | Value;

export class Markup extends Drop {
  readonly language: Language;
  readonly pieces: readonly MarkupPiece[];
  /** Whether the author's text has signs of the language in it; else the whole is a text like any other. */
  readonly hasSigns: boolean;

  constructor(language: Language, pieces: readonly MarkupPiece[]) {
    super();
    const signs = SIGNS[language];
    this.language = language;
    this.hasSigns = signs !== null && pieces.some((piece) => typeof piece === "string" && signs.test(piece));
    this.pieces = pieces.length > MOST_PIECES ? [pieces.map((piece) => asWritten(language, piece)).join("")] : pieces;
  }

  /** What conditions and filters see: the text itself, or markup with its values escaped. */
  override valueOf(): string {
    const text = (piece: MarkupPiece) => (typeof piece === "string" ? piece : piece.text);
    return this.pieces.map((piece) => (this.hasSigns ? asWritten(this.language, piece) : text(piece))).join("");
  }

  /** `{{ captured.size }}` */
  override liquidMethodMissing(name: string | number): number | undefined {
    return name === "size" ? this.valueOf().length : undefined;
  }
}

/** `value` as a part of markup: escaped, unless it is the author's own. */
export function inMarkup(language: Language, value: unknown): unknown {
  if (value instanceof Markup) return value.pieces.map((piece) => asWritten(language, piece)).join("");
  return typeof value === "string" ? ESCAPED[language](value) : value;
}

function asWritten(language: Language, piece: MarkupPiece): string {
  if (typeof piece === "string") return piece;
  return piece.kind === "markup" ? piece.text : ESCAPED[language](piece.text);
}

/** The line ends of values become those of HTML; the author's, too, when he captured them. */
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
