import { domainToASCII } from "node:url";
import { encodeWords, isPrintableAscii } from "./encoded-word.ts";

/** RFC 5321 §4.5.3.1: octets of the local part, and of the whole path less its angle brackets. */
const MAX_LOCAL = 64;
const MAX_ADDRESS = 254;

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/** The last label starts with a letter, or it would be an IP address. */
const DOMAIN = `(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?`;

/** What nearly every address of a list looks like: one test, and nothing has to be changed. */
const PLAIN = new RegExp(`^${ATOM}(?:\\.${ATOM})*@${DOMAIN}$`);
const LOCAL = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`);
const ASCII_DOMAIN = new RegExp(`^${DOMAIN}$`);

/** C0, DEL, C1 and the line and paragraph separators. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
const PHRASE = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+$/;

export interface Mailbox {
  name: string | null;
  address: string;
}

interface Problem {
  /** One clause for the user: what is wrong, and what to do where that is not obvious. */
  problem: string;
}

/**
 * A bare recipient address: trimmed, the domain lower-cased and in punycode, the local part as it is. Only what SES
 * takes: a 7-bit dot-atom local part of 1–64 characters, a domain with a dot, at most 254 characters together. Never throws.
 */
export function parseAddress(raw: string): { address: string } | Problem {
  const text = raw.trim();
  if (text.length <= MAX_ADDRESS && PLAIN.test(text) && text.indexOf("@") <= MAX_LOCAL) return { address: text };
  return parseUnusual(text);
}

function parseUnusual(text: string): { address: string } | Problem {
  const shown = quote(text);
  if (text === "") return { problem: "no address" };
  if (CONTROL.test(text)) return { problem: `${shown} contains a control character` };
  if (/[<>]/.test(text)) return { problem: `${shown}: write the bare address only, without a name or < >` };
  const at = text.lastIndexOf("@");
  if (at < 0) return { problem: `${shown} has no @` };
  const local = text.slice(0, at);
  const localProblem = problemOfLocal(local);
  if (localProblem !== null) return { problem: `${shown}: ${localProblem}` };
  const domain = asciiDomain(text.slice(at + 1));
  if ("problem" in domain) return { problem: `${shown}: ${domain.problem}` };
  const address = `${local}@${domain.name}`;
  if (address.length > MAX_ADDRESS) return { problem: `${shown} is longer than ${MAX_ADDRESS} characters` };
  return { address };
}

function problemOfLocal(local: string): string | null {
  if (local === "") return "nothing stands before the @";
  if (local.startsWith('"')) return "a quoted local part is not accepted by SES";
  if (local.includes("@")) return "more than one @";
  if (/\s/.test(local)) return "a space before the @";
  const foreign = /[^\x21-\x7e]/u.exec(local);
  if (foreign) return `${nameOf(foreign[0])} before the @, where SES takes ASCII only`;
  if (local.startsWith(".") || local.endsWith(".") || local.includes("..")) return "a dot too many before the @";
  if (!LOCAL.test(local)) return "a character before the @ that addresses cannot have";
  if (local.length > MAX_LOCAL) return `more than ${MAX_LOCAL} characters before the @`;
  return null;
}

/** Only ASCII that a domain may hold reaches `domainToASCII`, which would take `a.com/x` for `a.com`. */
function asciiDomain(domain: string): { name: string } | Problem {
  if (domain === "") return { problem: "nothing stands after the @" };
  if (/\s/.test(domain)) return { problem: "a space after the @" };
  if (domain.startsWith("[") || /^[0-9.]+$/.test(domain)) return { problem: "an IP address instead of a domain" };
  // oxlint-disable-next-line no-control-regex
  if (/[^A-Za-z0-9.\-\u0080-\uffff]/.test(domain)) return { problem: "a character a domain cannot have" };
  const name = isPrintableAscii(domain) ? domain.toLowerCase() : domainToASCII(domain);
  if (name !== "" && !name.includes(".")) return { problem: "the domain has no dot" };
  if (!ASCII_DOMAIN.test(name)) return { problem: "this domain cannot exist" };
  return { name };
}

/**
 * A From or Reply-To: `Name <a@b.c>`, `"Na, me" <a@b.c>` or a bare address. The address is held to the rules of
 * `parseAddress`, the name may be any text without control characters. Never throws.
 */
export function parseMailbox(raw: string): Mailbox | Problem {
  const text = raw.trim();
  if (CONTROL.test(text)) return { problem: `${quote(text)} contains a control character` };
  const match = /^(?:"((?:[^"\\]|\\.)*)"|([^"<>]*))\s*<([^<>]*)>$/.exec(text);
  if (!match) return bareMailbox(text);
  const [, quoted, plain, inner = ""] = match;
  if (plain?.includes("@")) return { problem: `${quote(text)}: more than one address` };
  const name = (quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "").trim();
  const parsed = parseAddress(inner);
  return "problem" in parsed ? parsed : { name: name === "" ? null : name, address: parsed.address };
}

function bareMailbox(text: string): Mailbox | Problem {
  if (/[<>]/.test(text)) return { problem: `${quote(text)}: expected an address or Name <address>` };
  const parsed = parseAddress(text);
  return "problem" in parsed ? parsed : { name: null, address: parsed.address };
}

/** The mailbox as SES wants it: ASCII names quoted where they need it, others as RFC 2047 encoded-words. */
export function formatMailbox({ name, address }: Mailbox): string {
  if (name === null) return address;
  if (!isPrintableAscii(name)) return `${encodeWords(name)} <${address}>`;
  if (PHRASE.test(name)) return `${name} <${address}>`;
  return `"${name.replace(/["\\]/g, "\\$&")}" <${address}>`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `"${character}" (U+${code.toString(16).toUpperCase().padStart(4, "0")})`;
}
