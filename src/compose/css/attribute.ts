/**
 * Puts declarations into the style attribute of a start tag, before those of the author, without changing any byte of
 * his.
 */
import type { Inlined } from "./cascade.ts";
import type { TagPlace } from "./document.ts";
import { quoteOf, valueOf } from "./quote.ts";
import { requote } from "./syntax.ts";

/** A change to a text: the characters from `start` to `end` (exclusive) are replaced by `text`. */
export interface Cut {
  start: number;
  end: number;
  text: string;
}

/** The changes that put `inlined` before the author's own declarations. */
export function insertStyle(html: string, { room, style }: TagPlace, inlined: Inlined): Cut[] {
  const quote = quoteOf(html, style) ?? '"';
  const css = textOf(inlined, quote);
  if (!style) return [insert(room, ` style="${css}"`)];
  const value = valueOf(html.slice(style.start, style.end));
  const start = style.start + value.start;
  if (value.text === "") {
    // For `style` and `style=` the parser only tells the place of the name.
    const sign = /^\s*=/.exec(html.slice(style.end, style.end + 100))?.[0];
    return [sign ? insert(style.end + sign.length, `"${css}"`) : insert(style.end, `="${css}"`)];
  }
  if (value.text.startsWith(quote)) return [insert(start + 1, value.text.slice(1, -1).trim() === "" ? css : `${css} `)];
  return [insert(start, `${quote}${css} `), insert(style.end, quote)];
}

/** The value of a style attribute after `inlined` is put before its `own` declarations. */
export function styleWith(html: string, { style }: TagPlace, own: string, inlined: Inlined): string {
  const css = cssOf(inlined, quoteOf(html, style) ?? '"');
  return own.trim() === "" ? css : `${css} ${own}`;
}

function textOf(inlined: Inlined, quote: '"' | "'"): string {
  const css = cssOf(inlined, quote);
  return css.replaceAll("&", "&amp;").replaceAll(quote, quote === '"' ? "&quot;" : "&#39;");
}

function cssOf(inlined: Inlined, quote: '"' | "'"): string {
  const inner = quote === '"' ? "'" : '"';
  return inlined
    .map(({ property, value, important }) => `${property}: ${requote(value, inner)}${important ? " !important" : ""};`)
    .join(" ");
}

function insert(at: number, text: string): Cut {
  return { start: at, end: at, text };
}
