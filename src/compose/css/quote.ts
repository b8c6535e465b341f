/** Finds the quotes around the value of a style attribute. */

/**
 * The quote around the value of a style attribute, or the one to write when it has none (or there is no attribute).
 * Null when the value has no quotes around it but both kinds inside, because then nothing can be put before it.
 */
export function quoteOf(html: string, style: { start: number; end: number } | null): '"' | "'" | null {
  const value = style ? valueOf(html.slice(style.start, style.end)).text : "";
  if (value.startsWith("'")) return "'";
  if (value.startsWith('"') || !value.includes('"')) return '"';
  return value.includes("'") ? null : "'";
}

/**
 * The value of `attribute` (name, `=` and value) with its quotes, and the offset where it begins. "" when there is no
 * value.
 */
export function valueOf(attribute: string): { start: number; text: string } {
  const start = /^[^=]*=\s*/.exec(attribute)?.[0].length ?? attribute.length;
  return { start, text: attribute.slice(start) };
}
