/** Checks addresses by the rules of SES. */
import { domainToASCII } from "node:url";
import { isPrintableAscii } from "./encoded-word.ts";
import { hasControl, shown } from "../shown.ts";

/**
 * Limits of RFC 5321 §4.5.3.1: octets of the local part, and of the whole address (a path without its angle brackets).
 */
const MAX_LOCAL = 64;
const MAX_ADDRESS = 254;

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/** The last label starts with a letter; otherwise it could be an IP address. */
const DOMAIN = `(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?`;

/** Nearly every address of a list matches this, and then nothing has to be changed. */
const PLAIN = new RegExp(`^${ATOM}(?:\\.${ATOM})*@${DOMAIN}$`);
const LOCAL = new RegExp(`^${ATOM}(?:\\.${ATOM})*$`);
const ASCII_DOMAIN = new RegExp(`^${DOMAIN}$`);

/** A value that cannot be used. */
export interface AddressProblem {
  /** One clause for the user: what is wrong, and what to do when that is not obvious. */
  problem: string;
}

/**
 * The address in `raw` without a name or angle brackets: trimmed, the domain in lower case and punycode, the local part
 * unchanged. It has to be one that SES accepts: a 7-bit dot-atom local part of 1–64 characters, a domain with a dot, at
 * most 254 characters together. Never throws.
 */
export function parseAddress(raw: string): { address: string } | AddressProblem {
  const text = raw.trim();
  if (text.length <= MAX_ADDRESS && PLAIN.test(text) && text.indexOf("@") <= MAX_LOCAL) return { address: text };
  return parseUnusual(text);
}

function parseUnusual(text: string): { address: string } | AddressProblem {
  const got = shown(text);
  if (text === "") return { problem: "no address" };
  if (hasControl(text)) return { problem: `${got} contains a control character` };
  if (/[<>]/.test(text)) return { problem: `${got}: write the bare address only, without a name or < >` };
  const at = text.lastIndexOf("@");
  if (at < 0) return { problem: `${got} has no @` };
  const local = text.slice(0, at);
  const localProblem = problemOfLocal(local);
  if (localProblem !== null) return { problem: `${got}: ${localProblem}` };
  const domain = asciiDomain(text.slice(at + 1));
  if ("problem" in domain) return { problem: `${got}: ${domain.problem}` };
  const address = `${local}@${domain.name}`;
  if (address.length > MAX_ADDRESS) return { problem: `${got} is longer than ${MAX_ADDRESS} characters` };
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

/** Refuses ASCII that a domain cannot have before `domainToASCII` sees it, because that reads `a.com/x` as `a.com`. */
function asciiDomain(domain: string): { name: string } | AddressProblem {
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

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `"${character}" (U+${code.toString(16).toUpperCase().padStart(4, "0")})`;
}
