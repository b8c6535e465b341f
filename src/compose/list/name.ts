/** Checks names that people choose (topics, columns, lists): each has one spelling and no invisible characters. */
import { UserError } from "../../errors.ts";

const MAX_CHARACTERS = 100;

/** Control characters and line separators, lone surrogates, and the separator of paths. */
const FORBIDDEN = /[/\p{Cc}\p{Cs}\u2028\u2029]/u;

/**
 * Characters that are invisible or turn the direction of the text (Unicode, Default_Ignorable_Code_Point; interlinear
 * annotation).
 */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;
/** White space, and those invisible characters that do not change the character beside them. */
const BLANK = /[\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f]/;

/** They choose a form of the character before them: emoji or text, glyphs of Han, Mongolian. */
const VARIATION_SELECTORS = /\p{Variation_Selector}/gu;
/** The flags of England, Scotland and Wales: a black flag and invisible letters. */
const TAGGED_FLAG = /\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}/gu;
/** Scripts whose letters are never joined, so a joiner between them changes nothing that can be seen. */
const PLAIN_SCRIPTS = ["Latin", "Greek", "Cyrillic", "Hangul", "Han", "Hiragana", "Katakana"];
/** Persian, the languages of India and emoji need joiners between their characters (Unicode Standard Annex 31, 2.3). */
const JOINER = new RegExp(
  String.raw`(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}])` +
    `(?<![${PLAIN_SCRIPTS.map((script) => String.raw`\p{Script=${script}}`).join("")}])` +
    String.raw`[\u200c\u200d](?=[\p{L}\p{M}\p{Extended_Pictographic}])`,
  "gu",
);

/** The first invisible character of a name, such as `U+200B`; null when there is none. */
export function unseenIn(name: string): string | null {
  if (!UNSEEN.test(name)) return null;
  const rest = name.replaceAll(TAGGED_FLAG, "").replaceAll(VARIATION_SELECTORS, "").replaceAll(JOINER, "");
  const found = UNSEEN.exec(rest)?.[0];
  return found === undefined ? null : codePoint(found);
}

/**
 * The name in its one spelling (Unicode NFC), so that `é` is the same on a Mac and elsewhere. `what` (`a topic name`)
 * begins the message. Throws `UserError` unless it has 1–100 characters and no `/`, control or invisible characters.
 */
export function checkName(what: string, written: string): string {
  const name = written.normalize("NFC");
  const length = Array.from(name).length;
  if (name.trim() === "" || length > MAX_CHARACTERS || FORBIDDEN.test(name)) {
    const got = length > MAX_CHARACTERS ? `${length} characters` : JSON.stringify(name);
    throw new UserError(`${what} expects 1–${MAX_CHARACTERS} characters without / or control characters, got ${got}`);
  }
  const unseen = unseenIn(name);
  if (unseen !== null)
    throw new UserError(`${what} expects characters that can be seen, got ${unseen} in "${name}"`, "type it anew");
  return name;
}

/** The name of a list that readers can leave, checked as `checkName` does. */
export function checkListName(written: string): string {
  return checkName("a list's name", written);
}

/** The name of a column in NFC, without the white space and invisible characters around it. */
export function columnName(written: string): string {
  const name = written.normalize("NFC");
  let [start, end] = [0, name.length];
  while (start < end && BLANK.test(name.charAt(start))) start++;
  while (end > start && BLANK.test(name.charAt(end - 1))) end--;
  return name.slice(start, end);
}

/**
 * The index of `wanted` in `names`, which are in NFC: an exact match, else one that differs only in upper and lower
 * case, else -1.
 */
export function findName(wanted: string, names: readonly string[]): number {
  const name = columnName(wanted);
  const exact = names.indexOf(name);
  return exact >= 0 ? exact : names.findIndex((each) => each.toLowerCase() === name.toLowerCase());
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
