/** Finds the tags of a template, and mistakes in their braces. */
import { Mistake, type Tag } from "./mistake.ts";
import { shown } from "./value-problem.ts";

const CLOSERS = { output: "}}", tag: "%}" } as const;
const RAW_HINT = "braces that are no template stand between {% raw %} and {% endraw %}";

/** Every tag in order, except inside `raw` and `comment`. Throws `Mistake` for braces that do not belong together. */
export function* tagsIn(source: string): Generator<Tag> {
  let from = 0;
  for (;;) {
    const begin = nextOpening(source, from);
    if (begin < 0) return;
    const tag = readTag(source, begin);
    from = tag.index + tag.text.length;
    yield tag;
    const silent = tag.kind === "tag" ? /^(raw|comment)\b/.exec(tag.content)?.[1] : undefined;
    if (silent !== undefined) from = endOf(source, from, silent);
  }
}

function nextOpening(source: string, from: number): number {
  const found = /\{[{%]/g;
  found.lastIndex = from;
  return found.exec(source)?.index ?? -1;
}

/**
 * The template with only line breaks in its comments, because commented text need not be Liquid. The number of lines
 * stays the same.
 */
export function withoutComments(source: string): string {
  return source.replace(
    /\{%-?\s*raw\s*-?%\}[\s\S]*?\{%-?\s*endraw\s*-?%\}|(\{%-?\s*comment\b[^%]*%\})([\s\S]*?)(\{%-?\s*endcomment\s*-?%\})/g,
    (whole, open: string | undefined, inside: string, close: string) =>
      open === undefined ? whole : `${open}${inside.replace(/[^\n]/g, "")}${close}`,
  );
}

/**
 * Where the end tag of a `raw` or `comment` begins. The end of the source when there is none; the reader of blocks
 * reports that.
 */
function endOf(source: string, from: number, name: string): number {
  const end = new RegExp(`\\{%-?\\s*end${name}\\s*-?%\\}`, "g");
  end.lastIndex = from;
  return end.exec(source)?.index ?? source.length;
}

function readTag(source: string, begin: number): Tag {
  const kind = source[begin + 1] === "{" ? "output" : "tag";
  if (kind === "output" && source[begin + 2] === "{") throw tripleBraces(source, begin);
  const end = isInlineComment(source, begin) ? source.indexOf("%}", begin) : closing(source, begin, kind);
  if (end < 0) throw notClosed(source, begin, kind);
  const text = source.slice(begin, end + 2);
  const [, open = "", content = ""] = /^(\{[{%]-?\s*)([\s\S]*?)\s*-?[}%]\}$/.exec(text) ?? [];
  return { kind, text, index: begin, content, contentIndex: begin + open.length };
}

function isInlineComment(source: string, begin: number): boolean {
  return /^\{%-?\s*#/.test(source.slice(begin, begin + 20));
}

/** Where the closing braces of the tag are, or -1. */
function closing(source: string, begin: number, kind: Tag["kind"]): number {
  let quote = -1;
  for (let at = begin + 2; at < source.length; at++) {
    const character = source[at];
    const two = source.slice(at, at + 2);
    if (quote >= 0) {
      // For LiquidJS the first %} ends the tag, even in quotes.
      if (kind === "tag" && two === CLOSERS.tag) throw openQuote(source, begin, quote, at + 2);
      if (character === "\\") at++;
      else if (character === source[quote]) {
        checkQuoted(source, begin, quote, at);
        quote = -1;
      }
    } else if (two === CLOSERS[kind]) return at;
    else if (character === '"' || character === "'") quote = at;
    else if (character === "{" || character === "}" || two === "%}") throw wrongBraces(source, begin, at, kind);
  }
  if (quote >= 0 && source.slice(quote).includes(CLOSERS[kind]))
    throw openQuote(source, begin, quote, source.indexOf(CLOSERS[kind], quote) + 2);
  return -1;
}

/** A text in quotes that extends beyond the end of the tag has lost its closing quote. `"}}"` alone is a text. */
function checkQuoted(source: string, begin: number, quote: number, end: number): void {
  const text = source.slice(quote + 1, end);
  const closer = /[}%]\}/.exec(text);
  if (closer && /[\n<]|\{[{%]/.test(text)) throw openQuote(source, begin, quote, quote + closer.index + 3);
}

function openQuote(source: string, begin: number, quote: number, end: number): Mistake {
  const mark = source[quote] ?? "";
  return new Mistake(
    begin,
    `a text that begins with ${mark} does not end in ${shown(source.slice(begin, end))}`,
    `write ${mark} behind the text, too`,
  );
}

function tripleBraces(source: string, begin: number): Mistake {
  const [text = "{{{", name = "name"] =
    /^\{{3,}[ \t]*([^{}|\n]{1,60}?)[ \t]*(?:\|[^{}\n]*)?\}+/.exec(source.slice(begin, begin + 200)) ?? [];
  return new Mistake(
    begin,
    `three braces in ${shown(text)}`,
    `write {{ ${name || "name"} | raw }} for a column that holds HTML, {{ ${name || "name"} }} for one that holds text`,
  );
}

function wrongBraces(source: string, begin: number, at: number, kind: Tag["kind"]): Mistake {
  const two = source.slice(at, at + 2);
  if (two === "{{" || two === "{%") return unclosedOrNested(source, begin, at, kind);
  const [open, close] = kind === "output" ? ["{{", "}}"] : ["{%", "%}"];
  const inside = source.slice(begin + 2, at).trim();
  const came = two === "%}" || two === "}}" ? two : (source[at] ?? "");
  const whole = `${open} ${inside} ${close}`;
  if (came === "{")
    return new Mistake(
      begin,
      `a brace stands inside of ${shown(source.slice(begin, at + 20).split("\n")[0] ?? "")}`,
      RAW_HINT,
    );
  const fits = inside.length < 60 && !/[<\n]/.test(inside) ? `write ${shown(whole)}` : RAW_HINT;
  return new Mistake(
    begin,
    `${shown(source.slice(begin, at + came.length))} begins with ${open} and ends with ${came}`,
    fits,
  );
}

function unclosedOrNested(source: string, begin: number, at: number, kind: Tag["kind"]): Mistake {
  const rest = source.slice(at);
  const nested = /^\{\{-?\s*([^{}\n]*?)\s*-?\}\}([^{}\n<]*(?:%\}|\}\}))/.exec(rest);
  if (!nested) return notClosed(source, begin, kind);
  const whole = source.slice(begin, at + nested[0].length);
  return new Mistake(
    begin,
    `a tag stands inside of another in ${shown(whole)}`,
    `write the column without braces: ${shown(source.slice(begin, at) + (nested[1] ?? "") + (nested[2] ?? ""))}`,
  );
}

function notClosed(source: string, begin: number, kind: Tag["kind"]): Mistake {
  const [open, close] = kind === "output" ? ["{{", "}}"] : ["{%", "%}"];
  const begun = source.slice(begin, begin + 60).split(/[\n<]|(?!^)\{[{%]/)[0] ?? "";
  return new Mistake(
    begin,
    `${shown(begun)} is not closed: ${open} has no ${close}`,
    `write ${close} where it ends; ${RAW_HINT}`,
  );
}
