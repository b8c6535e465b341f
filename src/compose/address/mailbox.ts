import { type Problem, parseAddress } from "./address.ts";
import { encodeWords, needsEncoding } from "./encoded-word.ts";
import { hasControl, shown } from "../shown.ts";

/** SES counts the whole mailbox as it is sent, name and address ("Address length is more than 320 bytes long", zulip/zulip#17558). */
const MAX_MAILBOX = 320;

/** Characters that need no quotes in a name: those of atoms, and spaces (RFC 5322 §3.2.3). */
const PHRASE = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** A Liquid output or tag: whatever stands in it is no part of the mailbox's own syntax. */
const LIQUID = "\\{\\{(?:(?!\\}\\})[^])*\\}\\}|\\{%(?:(?!%\\})[^])*%\\}";
const ANY_LIQUID = new RegExp(LIQUID, "g");
/** No character can be read in two ways, or long names would take for ever. */
const QUOTED = `"(?:${LIQUID}|(?!\\{[{%])[^"\\\\]|\\\\.)*"`;
const QUOTED_STRING = new RegExp(`^${QUOTED}$`);
const ESCAPED = new RegExp(`(${LIQUID})|\\\\(.)`, "g");
const LIST_TOKEN = new RegExp(`${QUOTED}|<[^<>]*>|${LIQUID}|[^]`, "g");

/** A person or office, and where mail to it goes. */
export interface Mailbox {
  /** Null: the bare address. */
  name: string | null;
  address: string;
}

/**
 * A From or Reply-To as people write it: `Name <a@b.c>`, `"Na, me" <a@b.c>` or a bare address. One address in angle brackets at
 * the end makes everything before it the name, whatever signs it has (`Ann @ ACME`, `The "Shop"`); quotes around the whole name
 * are syntax. The name may be a template (`{{ rep }} of Example`), the address is held to the rules of `parseAddress`. Never throws.
 *
 * Not Nodemailer's addressparser: it mends what it reads (drops quotes and what is in parentheses, takes what follows the address
 * into the name), and a name is to go out as it was written.
 */
export function splitMailbox(written: string): Mailbox | Problem {
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

function bareMailbox(text: string): Mailbox | Problem {
  if (holdsLiquid(text)) return { problem: VARIABLE_ADDRESS };
  if (isList(text)) return { problem: `${shown(text)}: more than one address` };
  if (/[<>]/.test(text)) return { problem: `${shown(text)}: the address has to stand at the end, in < >` };
  const parsed = parseAddress(text);
  return "problem" in parsed ? parsed : { name: null, address: parsed.address };
}

/** Why what stands before the address is no name, or null. */
function problemOfWritten(name: string): string | null {
  if (QUOTED_STRING.test(name)) return null;
  const plain = name.replace(ANY_LIQUID, "");
  if (/<[^<>]*@[^<>]*>/.test(plain) || isList(plain)) return "more than one address";
  if (name.startsWith('"') && (plain.match(/"/g)?.length ?? 0) % 2 === 1)
    return "the quote before the name is not closed";
  return null;
}

/** Commas or semicolons with an address on one side. */
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
 * The mailboxes of a list with commas or semicolons between them, each as it was written: `splitMailbox` says whether it is one.
 * A comma within a name parts nothing: `Lee, Ann <a@b.c>` is one mailbox.
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

/** Why a mailbox with this name cannot be sent, or null. For a name that was rendered for one recipient. */
export function displayNameProblem(mailbox: Mailbox): string | null {
  const name = mailbox.name ?? "";
  if (hasControl(name)) return `the name ${shown(name)} contains a line break or control character`;
  if (/\p{Surrogate}/u.test(name)) return `the name ${shown(name)} contains half of a character`;
  const length = formatMailbox(mailbox).length;
  if (length <= MAX_MAILBOX) return null;
  return `the name ${shown(name)} makes the address ${length} characters long as it is sent, SES takes ${MAX_MAILBOX}`;
}

/** The mailbox as SES wants it, printable ASCII: names quoted where they need it, or encoded. A blank name is left out. */
export function formatMailbox({ name, address }: Mailbox): string {
  return name === null || name.trim() === "" ? address : `${formatPhrase(name.trim())} <${address}>`;
}

/** Words for a structured header (RFC 5322 phrase): as they are, as a quoted-string, or as RFC 2047 encoded-words, which never stand in quotes. */
export function formatPhrase(words: string): string {
  if (needsEncoding(words)) return encodeWords(words);
  return PHRASE.test(words) ? words : `"${words.replace(/["\\]/g, "\\$&")}"`;
}

/** The words a phrase was written for: without the quotes around it. */
export function phraseText(written: string): string {
  return unquoted(written.trim());
}
