/**
 * Splits the inside of a tag into lexemes, by the rules of LiquidJS. Characters that editors and other languages put
 * there are mistakes.
 */
import { Tokenizer } from "liquidjs";
import { textProblem } from "../content/sound-text.ts";
import { type Mistake, mistakeIn, type Tag } from "./mistake.ts";

/** A word, text, number or sign inside a tag. */
export interface Lexeme {
  /** `sign` covers operators, those of other languages too. */
  kind: "text" | "number" | "word" | "sign";
  /** As written; a text has its quotes. */
  text: string;
  /** Where it begins in the source of the template. */
  index: number;
}

const BLANK = /[\s\u180e]/;
const QUOTED = /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'/y;
const NUMBER = /[+-]?\d+(?:\.(?!\.)\d*)?(?![\p{L}\p{N}_?-])/uy;
/**
 * LiquidJS reads every character beyond ASCII as a letter. Here quotation marks are no letters, except the apostrophe
 * in a word.
 */
const WORD = /(?:[\w?-]|(?![\s“”„«»‹›‘’‚｜＝：＂＇＜＞])[\u0080-\u{10ffff}]|(?<=[\p{L}\p{N}])’(?=[\p{L}\p{N}]))+/uy;
const SIGN = /===|!==|&&=?|\|\||\?\?|==|!=|<>|>=|<=|=>|=<|\.\.|[^\s]/uy;

/**
 * Invisible characters, which come with copied text and make two names look the same. Joiners between letters belong to
 * some scripts.
 */
const INVISIBLE = /[\u00ad\u200b\u200e\u200f\u2060\ufeff]|(?<!\p{L})[\u200c\u200d]|[\u200c\u200d](?!\p{L})/u;
const ENTITY = /&(?:[a-z]{2,8}\d?|#\d{2,5}|#x[\da-f]{2,5});/i;
const HTML_TAG = /<\/?(?:[a-z][a-z0-9]*:)?[a-z][a-z0-9]*(?:\s+[a-z-]+\s*=\s*[^<>]*)?\s*\/?>/i;
const TYPOGRAPHIC = /[“”„«»‹›‘’‚＂＇]/;

/** The lexemes of a tag, in order. Throws `Mistake` for characters that no tag can have. */
export function lexemesOf(tag: Tag): Lexeme[] {
  checkCharacters(tag);
  const lexemes: Lexeme[] = [];
  const { content } = tag;
  for (let at = 0; at < content.length;) {
    if (BLANK.test(content[at] ?? "")) {
      at++;
      continue;
    }
    const lexeme = readAt(content, at);
    if (TYPOGRAPHIC.test(lexeme.text) && lexeme.kind === "sign") throw typographic(tag, tag.contentIndex + at);
    const unsound = lexeme.kind === "text" ? unsoundText(lexeme.text) : null;
    if (unsound !== null)
      throw mistakeIn(
        tag,
        tag.contentIndex + at,
        `a text that ${unsound}`,
        "write the character itself, not an escape",
      );
    lexemes.push({ ...lexeme, index: tag.contentIndex + at });
    at += lexeme.text.length;
  }
  return lexemes;
}

function readAt(content: string, at: number): Omit<Lexeme, "index"> {
  const kinds = [
    ["text", QUOTED],
    ["number", NUMBER],
    ["word", WORD],
    ["sign", SIGN],
  ] as const;
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = at;
    const text = pattern.exec(content)?.[0];
    if (text) return { kind, text };
  }
  return { kind: "sign", text: content[at] ?? " " };
}

/** What is wrong with the value of a text in quotes, as LiquidJS reads its escapes; null: nothing. */
function unsoundText(quoted: string): string | null {
  if (!quoted.includes("\\")) return null;
  return textProblem(new Tokenizer(quoted).readQuoted()?.content ?? "");
}

/** The content with each text in quotes replaced by as many spaces. */
export function outsideQuotes(content: string): string {
  return content.replace(/"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'/g, (text) => " ".repeat(text.length));
}

/** Throws `Mistake` for invisible characters, HTML and entities outside of quotes. */
export function checkCharacters(tag: Tag): void {
  const open = outsideQuotes(tag.text.slice(2, -2));
  const invisible = INVISIBLE.exec(open);
  if (invisible) {
    const code = (invisible[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    throw at(invisible.index, `invisible character (U+${code})`, "delete the tag and type it anew, without copying");
  }
  const entity = ENTITY.exec(open);
  if (entity) throw at(entity.index, `unexpected ${entity[0]}`, `write the character itself: ${corrected(tag.text)}`);
  const html = HTML_TAG.exec(open);
  if (html)
    throw at(
      html.index,
      `unexpected HTML ${html[0]}`,
      `write the tag without it: ${corrected(tag.text.replace(new RegExp(HTML_TAG, "gi"), ""))}`,
    );

  function at(index: number, what: string, hint: string): Mistake {
    return mistakeIn(tag, tag.index + 2 + index, what, hint);
  }
}

/** The mistake for typographic quotes at `index` of the source, with the corrected tag as a hint. */
export function typographic(tag: Tag, index: number): Mistake {
  return mistakeIn(tag, index, "typographic quotes", `write straight quotes: ${corrected(tag.text)}`);
}

const ENTITIES: Record<string, string> = {
  "&quot;": '"',
  "&#34;": '"',
  "&#39;": "'",
  "&apos;": "'",
  "&lt;": "<",
  "&gt;": ">",
  "&nbsp;": " ",
  "&#160;": " ",
  "&ldquo;": '"',
  "&rdquo;": '"',
  "&bdquo;": '"',
  "&lsquo;": "'",
  "&rsquo;": "'",
  "&laquo;": '"',
  "&raquo;": '"',
  "&amp;": "&",
};

const REPLACED: [RegExp, string][] = [
  [/!==/g, "!="],
  [/===/g, "=="],
  [/<>/g, "!="],
  [/=>/g, ">="],
  [/=</g, "<="],
  [/\s*&&\s*/g, " and "],
  [/\s*\|\|\s*/g, " or "],
  [/(?<![=!<>])=(?!=)/g, "=="],
  [/!(?![=])\s*/g, "not "],
  [/｜/g, "|"],
  [/：/g, ":"],
  [/＝＝?/g, "=="],
  [/\bAND\b/g, "and"],
  [/\bOR\b/g, "or"],
  [/\bNOT\b/g, "not"],
];

/**
 * The tag as its author probably means it: with straight quotes, characters instead of entities, and the operators of
 * Liquid.
 */
export function corrected(text: string): string {
  const straight = text
    .replace(/&#?\w+;/g, (entity) => ENTITIES[entity.toLowerCase()] ?? entity)
    .replace(/[“”„«»＂]/g, '"')
    .replace(/[‘’‚‹›＇]/g, "'");
  const isAssign = /^\{%-?\s*assign\b/.test(straight);
  return straight
    .split(/("[^"]*"|'[^']*')/)
    .map((part, index) => (index % 2 === 1 ? part : operatorsOf(part, isAssign)))
    .join("")
    .replace(/\s+/g, " ");
}

function operatorsOf(part: string, isAssign: boolean): string {
  const rules = isAssign ? REPLACED.filter(([, replacement]) => replacement !== "==") : REPLACED;
  return rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), part);
}
