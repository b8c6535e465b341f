/** Escapes values for CSS, so that a value stays one value and cannot begin anything else. */

/**
 * The place of a value in CSS: where declarations are (`style="{{ style }}"`), inside quotes, or anywhere else (a part
 * of a value or a selector).
 */
export type CssPlace = "declarations" | "string" | "part";

/**
 * The place after `before`, which is the beginning of a `style` attribute (decoded) or of a `<style>`. Inside `url()`
 * it is the beginning of that address instead.
 */
export function cssPlaceAt(before: string): { css: CssPlace } | { address: string } {
  const address = /\b(?:url|src)\(\s*["']?([^()"']*)$/i.exec(before)?.[1];
  if (address !== undefined) return { address };
  const rest = before.replace(/\/\*[^]*?\*\/|"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/g, "");
  if (/["']/.test(rest)) return { css: "string" };
  return { css: /(?:^|[;{])\s*$/.test(rest) ? "declarations" : "part" };
}

/**
 * Matches what a part may contain unchanged (quoted texts, colours, lengths), and else the characters that would end
 * it.
 */
const IN_PART =
  /("[^"\\<\n\r\f]*"|'[^'\\<\n\r\f]*'|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|calc|min|max|clamp|var)\([\w\s.,%/+*-]*\))|[;{}\\<"'()\n\r\f]|\/(?=\*)/gi;

/** The value escaped for its place in CSS. It is safe inside `<style>`, but not yet escaped for an attribute. */
export function cssFor(place: CssPlace, value: string): string {
  if (place === "declarations") return value.replace(/[{}<]|\/(?=\*)/g, escaped);
  if (place === "string") return value.replace(/[\\<"'\n\r\f]/g, escaped);
  // People write `red;` for a colour.
  const part = value.replace(/[\s;]+$/, "");
  return part.replace(IN_PART, (found: string, kept: string | undefined) => kept ?? escaped(found));
}

/** CSS Syntax 3, §4.3.7: hexadecimal digits, ended by a space. */
function escaped(sign: string): string {
  return `\\${sign.charCodeAt(0).toString(16)} `;
}
