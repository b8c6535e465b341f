/** Values in style sheets: each is one value, and begins nothing new. */

/**
 * Where in CSS a value stands: where declarations stand (`style="{{ style }}"`), inside quotes, or anywhere else (a part of a value, of a selector).
 */
export type CssPlace = "declarations" | "string" | "part";

/** The place behind `before`, the CSS of a `style` attribute (decoded) or of a `<style>` so far; or the address in which it stands. */
export function cssPlaceAt(before: string): { css: CssPlace } | { address: string } {
  const address = /\b(?:url|src)\(\s*["']?([^()"']*)$/i.exec(before)?.[1];
  if (address !== undefined) return { address };
  const rest = before.replace(/\/\*[^]*?\*\/|"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/g, "");
  if (/["']/.test(rest)) return { css: "string" };
  return { css: /(?:^|[;{])\s*$/.test(rest) ? "declarations" : "part" };
}

/** What may stand in a part as it is: quoted texts, colours and lengths; and what would end it. */
const IN_PART =
  /("[^"\\<\n\r\f]*"|'[^'\\<\n\r\f]*'|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|calc|min|max|clamp|var)\([\w\s.,%/+*-]*\))|[;{}\\<"'()\n\r\f]|\/(?=\*)/gi;

/** The value as it is written there; safe inside `<style>`, too, but not escaped for an attribute. */
export function cssFor(place: CssPlace, value: string): string {
  if (place === "declarations") return value.replace(/[{}<]|\/(?=\*)/g, escaped);
  if (place === "string") return value.replace(/[\\<"'\n\r\f]/g, escaped);
  // Lists have `red;` for a colour.
  const part = value.replace(/[\s;]+$/, "");
  return part.replace(IN_PART, (found: string, kept: string | undefined) => kept ?? escaped(found));
}

/** CSS Syntax 3, §4.3.7: hexadecimal digits, ended by a space. */
function escaped(sign: string): string {
  return `\\${sign.charCodeAt(0).toString(16)} `;
}
