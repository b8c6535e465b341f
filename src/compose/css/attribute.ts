/** A style attribute put into a start tag, or put before what its author wrote there, without a change to any byte of his. */
import type { Inlined } from "./cascade.ts";
import type { TagPlace } from "./document.ts";
import { quoteOf, valueOf } from "./quote.ts";
import { requote } from "./syntax.ts";

export interface Cut {
  start: number;
  end: number;
  text: string;
}

/** What to insert into `html` so that `inlined` stands before the author's own declarations. */
export function insertStyle(html: string, { room, style }: TagPlace, inlined: Inlined): Cut[] {
  const quote = quoteOf(html, style) ?? '"';
  const css = textOf(inlined, quote);
  if (!style) return [insert(room, ` style="${css}"`)];
  const value = valueOf(html.slice(style.start, style.end));
  const start = style.start + value.start;
  if (value.text === "") {
    // `style`, `style=`: the parser tells the place of the name only.
    const sign = /^\s*=/.exec(html.slice(style.end, style.end + 100))?.[0];
    return [sign ? insert(style.end + sign.length, `"${css}"`) : insert(style.end, `="${css}"`)];
  }
  if (value.text.startsWith(quote)) return [insert(start + 1, value.text.slice(1, -1).trim() === "" ? css : `${css} `)];
  return [insert(start, `${quote}${css} `), insert(style.end, quote)];
}

/** What the attribute of an element with `own` style says once `inlined` stands in it. */
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
