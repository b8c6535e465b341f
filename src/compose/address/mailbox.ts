/** Reads and writes mailboxes: addresses with a display name. */
import { type AddressProblem, parseAddress } from "./address.ts";
import { encodeWords, needsEncoding } from "./encoded-word.ts";
import { hasControl, shown } from "../shown.ts";

/**
 * The limit of SES for a whole mailbox as it is sent, name and address ("Address length is more than 320 bytes long",
 * zulip/zulip#17558).
 */
const MAX_MAILBOX = 320;

/** Characters that need no quotes in a name: those of atoms, and spaces (RFC 5322 §3.2.3). */
const PHRASE = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** A Liquid output or tag; its content is not part of the syntax of a mailbox. */
const LIQUID = "\\{\\{(?:(?!\\}\\})[^])*\\}\\}|\\{%(?:(?!%\\})[^])*%\\}";
const ANY_LIQUID = new RegExp(LIQUID, "g");
/** Each character matches in one way only. Otherwise a long name could take exponential time. */
const QUOTED = `"(?:${LIQUID}|(?!\\{[{%])[^"\\\\]|\\\\.)*"`;
const QUOTED_STRING = new RegExp(`^${QUOTED}$`);
const ESCAPED = new RegExp(`(${LIQUID})|\\\\(.)`, "g");
const LIST_TOKEN = new RegExp(`${QUOTED}|<[^<>]*>|${LIQUID}|[^]`, "g");

/** An address with a display name (RFC 5322 §3.4). */
export interface Mailbox {
  /** Null: the bare address. */
  name: string | null;
  address: string;
}

/**
 * A From or Reply-To as people write it: `Name <a@b.c>`, `"Na, me" <a@b.c>` or a bare address. When an address in angle
 * brackets is at the end, everything before it is the name, with all its characters (`Ann @ ACME`, `The "Shop"`).
 * Quotes around the whole name are syntax and dropped. The name may be a template (`{{ rep }} of Example`). The address
 * follows the rules of `parseAddress`. Never throws.
 *
 * Nodemailer's addressparser is not used, because it changes names: it drops quotes and parentheses, and adds text
 * behind the address to the name. A name has to be sent as it was written.
 */
export function splitMailbox(written: string): Mailbox | AddressProblem {
  const text = written.trim();
  if (hasControl(text)) return { problem: `${shown(text)} contains a control character` };
  const match = /^([^]*)<([^<>]*)>$/.exec(text);
  if (!match) return bareMailbox(text);
  const [, before = "", inner = ""] = match;
  if (holdsLiquid(inner)) return { problem: VARIABLE_ADDRESS };
  const name = before.trim();
  const problem = problemOfWritten(name);
  if (problem !== null) return { problem: `${shown(text)}: ${problem}` };
  const parsed = parseAddress(inner);
  if ("problem" in parsed) return parsed;
  const mailbox = { name: unquoted(name) || null, address: parsed.address };
  const tooLong = holdsLiquid(name) ? null : displayNameProblem(mailbox);
  return tooLong === null ? mailbox : { problem: tooLong };
}

const VARIABLE_ADDRESS =
  "the address is the same for every recipient: variables may stand in the name only, {{ name }} <news@example.com>";

function bareMailbox(text: string): Mailbox | AddressProblem {
  if (holdsLiquid(text)) return { problem: VARIABLE_ADDRESS };
  if (isList(text)) return { problem: `${shown(text)}: more than one address` };
  if (/[<>]/.test(text)) return { problem: `${shown(text)}: the address has to stand at the end, in < >` };
  const parsed = parseAddress(text);
  return "problem" in parsed ? parsed : { name: null, address: parsed.address };
}

/** Why the text before the address cannot be a name, or null. */
function problemOfWritten(name: string): string | null {
  if (QUOTED_STRING.test(name)) return null;
  const plain = name.replace(ANY_LIQUID, "");
  if (/<[^<>]*@[^<>]*>/.test(plain) || isList(plain)) return "more than one address";
  if (name.startsWith('"') && (plain.match(/"/g)?.length ?? 0) % 2 === 1)
    return "the quote before the name is not closed";
  return null;
}

/** True for entries between commas or semicolons when one of them is an address. */
function isList(text: string): boolean {
  const entries = text.split(/[,;]/);
  return entries.length > 1 && entries.some((entry) => /^\s*[^\s@]+@[^\s@]+\s*$/.test(entry));
}

function unquoted(name: string): string {
  if (!QUOTED_STRING.test(name)) return name;
  return name
    .slice(1, -1)
    .replace(ESCAPED, (_, liquid?: string, character?: string) => liquid ?? character ?? "")
    .trim();
}

function holdsLiquid(text: string): boolean {
  return /\{\{|\{%/.test(text);
}

/**
 * The mailboxes of a list with commas or semicolons between them, each as it was written and not checked
 * (`splitMailbox` does that). A comma in a name does not separate: `Lee, Ann <a@b.c>` is one mailbox. At least one
 * entry is returned.
 */
export function mailboxesIn(written: string): string[] {
  if (!("problem" in splitMailbox(written))) return [written.trim()];
  const mailboxes: string[] = [];
  let mailbox = "";
  let entry = "";
  for (const token of [...(written.match(LIST_TOKEN) ?? []), ","]) {
    if (token !== "," && token !== ";") {
      entry += token;
      continue;
    }
    mailbox += entry;
    const ends = /<[^<>]*>\s*$/.test(entry) || /^\s*[^\s@]+@[^\s@]+\s*$/.test(entry);
    if (ends && mailbox.trim() !== "") mailboxes.push(mailbox.trim());
    mailbox = ends || mailbox.trim() === "" ? "" : mailbox + token;
    entry = "";
  }
  const rest = mailbox.replace(/[,;]$/, "").trim();
  return rest === "" && mailboxes.length > 0 ? mailboxes : [...mailboxes, rest];
}

/** Why a mailbox with this name cannot be sent, or null. The name must be final, not a template. */
export function displayNameProblem(mailbox: Mailbox): string | null {
  const name = mailbox.name ?? "";
  if (hasControl(name)) return `the name ${shown(name)} contains a line break or control character`;
  if (/\p{Surrogate}/u.test(name)) return `the name ${shown(name)} contains half of a character`;
  const length = formatMailbox(mailbox).length;
  if (length <= MAX_MAILBOX) return null;
  return `the name ${shown(name)} makes the address ${length} characters long as it is sent, SES takes ${MAX_MAILBOX}`;
}

/**
 * The mailbox as SES expects it, in printable ASCII: the name is quoted or encoded when it needs that. A blank name is
 * left out.
 */
export function formatMailbox({ name, address }: Mailbox): string {
  return name === null || name.trim() === "" ? address : `${formatPhrase(name.trim())} <${address}>`;
}

/**
 * Words for a structured header (RFC 5322 phrase): unchanged, as a quoted-string, or as RFC 2047 encoded-words (never
 * inside quotes).
 */
export function formatPhrase(words: string): string {
  if (needsEncoding(words)) return encodeWords(words);
  return PHRASE.test(words) ? words : `"${words.replace(/["\\]/g, "\\$&")}"`;
}

/** The words of a phrase as its author wrote it, without the quotes around them. */
export function phraseText(written: string): string {
  return unquoted(written.trim());
}
