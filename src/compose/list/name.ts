/** Names people choose (topics, columns, lists): one spelling for each, and nothing in them that nobody sees. */
import { UserError } from "../../errors.ts";

const MAX_CHARACTERS = 100;

/** What ends a line or moves the cursor, half a character, and what separates the parts of a path. */
const FORBIDDEN = /[/\p{Cc}\p{Cs}\u2028\u2029]/u;

/** What takes no room or turns the direction of the text (Unicode, Default_Ignorable_Code_Point; interlinear annotation). */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u;
/** Of these, what says nothing about the character beside it, and white space. */
const BLANK = /[\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f]/;

/** Choose between forms of the character before them: emoji and text, glyphs of Han, Mongolian. */
const VARIATION_SELECTORS = /\p{Variation_Selector}/gu;
/** The flags of England, Scotland, Wales: a black flag, and letters that nobody sees. */
const TAGGED_FLAG = /\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}/gu;
/** Scripts whose letters stand side by side, joined or not: there a joiner changes nothing that can be seen. */
const PLAIN_SCRIPTS = ["Latin", "Greek", "Cyrillic", "Hangul", "Han", "Hiragana", "Katakana"];
/** Persian, the languages of India and emoji need joiners between their characters (Unicode Standard Annex 31, 2.3). */
const JOINER = new RegExp(
  String.raw`(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}])` +
    `(?<![${PLAIN_SCRIPTS.map((script) => String.raw`\p{Script=${script}}`).join("")}])` +
    String.raw`[\u200c\u200d](?=[\p{L}\p{M}\p{Extended_Pictographic}])`,
  "gu",
);

/** The first character of a name that nobody sees, as `U+200B`; null when all can be seen. */
export function unseenIn(name: string): string | null {
  if (!UNSEEN.test(name)) return null;
  const rest = name.replaceAll(TAGGED_FLAG, "").replaceAll(VARIATION_SELECTORS, "").replaceAll(JOINER, "");
  const found = UNSEEN.exec(rest)?.[0];
  return found === undefined ? null : codePoint(found);
}

/**
 * The name in its one spelling (Unicode NFC): `é` typed on a Mac is the `é` of everybody else. `what` (`a topic name`) is
 * for the message. Throws `UserError` for other than 1–100 characters, `/`, control characters, and what nobody sees.
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

/** The name of a column as it stands in a header: in NFC, without white space or invisible characters around it. */
export function columnName(written: string): string {
  const name = written.normalize("NFC");
  let [start, end] = [0, name.length];
  while (start < end && BLANK.test(name.charAt(start))) start++;
  while (end > start && BLANK.test(name.charAt(end - 1))) end--;
  return name.slice(start, end);
}

/** Where `wanted` stands among `names` that are in NFC: exactly, else with upper and lower case taken as one; -1: nowhere. */
export function findName(wanted: string, names: readonly string[]): number {
  const name = columnName(wanted);
  const exact = names.indexOf(name);
  return exact >= 0 ? exact : names.findIndex((each) => each.toLowerCase() === name.toLowerCase());
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
