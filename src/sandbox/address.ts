/** Reads and checks e-mail addresses as SES does. */
import { badRequest } from "./answer.ts";

const SIMULATOR_DOMAIN = "simulator.amazonses.com";

/** The "specials" of RFC 5322 without the dot: they have a meaning in a list of addresses. */
const SPECIAL = /[()<>,;:\\"[\]@]/;
const QUOTED_LOCAL = /^"(?:[^"\\]|\\.)*"/;
const DISPLAY_NAME = /^(?:"(?:[^"\\]|\\.)*"|[^()<>,;:\\"[\]@]*)$/;

/** Gives `ann@example.net` for `Name <ann@example.net>` and for `ann@example.net`. It checks nothing. */
export function bareAddress(text: string): string {
  return /<([^<>]*)>\s*$/.exec(text)?.[1]?.trim() ?? text.trim();
}

/**
 * Checks one mailbox as SES does, and gives its bare address.
 * @throws SesError BadRequestException, with the texts of SES, which are those of JavaMail's strict check.
 */
export function checkMailbox(text: string): string {
  const name = /^(.*)<[^<>]*>\s*$/s.exec(text)?.[1]?.trim() ?? "";
  if (!DISPLAY_NAME.test(name)) throw badRequest("Illegal address");
  const address = bareAddress(text);
  const problem = addressProblem(address);
  if (problem !== null) throw badRequest(problem);
  // Nothing around the address may break the header line it is written to.
  if (hasControlOrNonAscii(text)) throw badRequest("Illegal address");
  return address;
}

/** True for addresses of the mailbox simulator. They do not count against the daily quota. */
export function isSimulator(address: string): boolean {
  return domainOf(address) === SIMULATOR_DOMAIN;
}

/**
 * The mailbox of a simulator address: `bounce` for `bounce+label@simulator.amazonses.com`, in lower case. Null for any
 * other address.
 */
export function simulatorMailbox(address: string): string | null {
  if (!isSimulator(address)) return null;
  return (address.slice(0, address.lastIndexOf("@")).split("+")[0] ?? "").toLowerCase();
}

/** The domain of a bare address, in lower case; the whole text when it has no `@`. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1).toLowerCase();
}

function addressProblem(address: string): string | null {
  if (address === "") return "Illegal address";
  const at = address.indexOf("@", QUOTED_LOCAL.exec(address)?.[0].length ?? 0);
  if (at === 0) return "Missing local name";
  return (
    localProblem(at < 0 ? address : address.slice(0, at)) ??
    (at < 0 ? "Missing final '@domain'" : domainProblem(address.slice(at + 1)))
  );
}

function localProblem(local: string): string | null {
  if (QUOTED_LOCAL.exec(local)?.[0] === local) return hasControlOrNonAscii(local) ? "Illegal address" : null;
  if (hasControlOrNonAscii(local) || local.includes(" ")) return "Local address contains control or whitespace";
  if (SPECIAL.test(local)) return "Local address contains illegal character";
  if (local.startsWith(".")) return "Local address starts with dot";
  if (local.endsWith(".")) return "Local address ends with dot";
  return local.includes("..") ? "Local address contains dot-dot" : null;
}

function domainProblem(domain: string): string | null {
  if (domain === "") return "Missing domain";
  if (hasControlOrNonAscii(domain) || domain.includes(" ")) return "Domain contains control or whitespace";
  if (!/^[A-Za-z0-9.-]+$/.test(domain)) return "Domain contains illegal character";
  if (domain.startsWith(".")) return "Domain starts with dot";
  if (domain.endsWith(".")) return "Domain ends with dot";
  return domain.includes("..") ? "Domain contains dot-dot" : null;
}

function hasControlOrNonAscii(text: string): boolean {
  return /[^ -~]/.test(text);
}
