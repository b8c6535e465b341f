/** How the value of a style attribute is quoted in its tag. */

/**
 * The quote around the value of the style attribute there, or the one to write when it has none. `null` when the author's value has no
 * quotes around it and both kinds inside: nothing can be put before it.
 */
export function quoteOf(html: string, style: { start: number; end: number } | null): '"' | "'" | null {
  const value = style ? valueOf(html.slice(style.start, style.end)).text : "";
  if (value.startsWith("'")) return "'";
  if (value.startsWith('"') || !value.includes('"')) return '"';
  return value.includes("'") ? null : "'";
}

/** The value of `attribute` (name, sign and value) with its quotes, and where in it the value begins. */
export function valueOf(attribute: string): { start: number; text: string } {
  const start = /^[^=]*=\s*/.exec(attribute)?.[0].length ?? attribute.length;
  return { start, text: attribute.slice(start) };
}
