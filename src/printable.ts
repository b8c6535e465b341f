/**
 * Characters that a terminal obeys instead of showing: control characters (escape sequences start with one), and
 * characters that turn the direction of the text or are invisible. Joiners (U+200C, U+200D) stay: emoji and Persian
 * need them.
 */
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** The text with its control, direction and invisible characters written as escapes: `\x1b`, `\n`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNSEEN, escape);
}

/** Like `printable`, but lines stay lines and tabs stay tabs. */
export function printableLines(text: string): string {
  return text.replace(UNSEEN, (character) =>
    character === "\n" || character === "\t" ? character : escape(character),
  );
}

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escape(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16);
  return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
}
