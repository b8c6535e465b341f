/**
 * Characters that a terminal obeys instead of showing: control characters (escape sequences start with one), line separators,
 * characters that turn the direction of the text or are invisible, and halves of characters. Joiners (U+200C, U+200D) and
 * variation selectors stay: emoji and Persian need them.
 */
const UNSEEN_SOURCE = String.raw`(?![\u200c\u200d\p{VS}])[\p{Cc}\p{Cs}\p{Bidi_C}\p{DI}\u2028\u2029\ufff9-\ufffb]`;
let unseen: RegExp | null = null;
/** Nearly all texts are of these characters alone. To look for the others takes the tables of Unicode: 2 ms of every start. */
const [PLAIN, PLAIN_LINES] = [/^[ -~]*$/, /^[ -~\n\t]*$/];

/**
 * The text with its control, direction and invisible characters written as escapes: `\x1b`, `\n`, `\u202e`, `\u{e0041}`. Whatever comes
 * from outside and is put into a line of ours goes through it, so that it stays in that line.
 */
export function printable(text: string): string {
  return PLAIN.test(text) ? text : replaceUnseen(text, escape);
}

/** True when `printable` leaves the text as it is: people see all of it, in one line. */
export function isPrintable(text: string): boolean {
  return printable(text) === text;
}

/** Like `printable`, but lines stay lines and tabs stay tabs. For texts that have lines of their own, such as the text of a mail. */
export function printableLines(text: string): string {
  if (PLAIN_LINES.test(text)) return text;
  return replaceUnseen(text, (character) => (character === "\n" || character === "\t" ? character : escape(character)));
}

function replaceUnseen(text: string, shown: (character: string) => string): string {
  unseen ??= new RegExp(UNSEEN_SOURCE, "gu");
  return text.replace(unseen, shown);
}

/** The first `most` characters (code points) of a text, with `…` where there are more. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = Array.from(text.slice(0, 2 * most + 2));
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : text;
}

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
}
