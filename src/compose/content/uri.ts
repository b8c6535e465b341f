/** Writes URIs of headers in plain ASCII. */
import { domainToASCII } from "node:url";
import { type AddressProblem, parseAddress } from "../address/address.ts";
import { isPrintableAscii } from "../address/encoded-word.ts";
import { shown } from "../shown.ts";

/** Characters that a URI cannot have (RFC 3986 §2), and a `%` that is not followed by two hexadecimal digits. */
const NOT_OF_A_URI = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]/gu;

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/;

/** Characters of a local part that would end or change the address in a `mailto:`. */
const NOT_OF_A_MAILTO = /[%?&#/^`{|}]/g;

/**
 * A URI in plain ASCII. Characters that a URI cannot have are percent-encoded (UTF-8), existing encoding stays, and the
 * host of a web address or the domain of a `mailto:` becomes punycode. Text that is no URI, a web address without a
 * host and a `mailto:` without a valid address are problems. Never throws.
 */
export function asciiUri(written: string): { uri: string } | AddressProblem {
  const text = written.trim();
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const address = parseAddress(text);
    const meant = "address" in address ? `write <${mailtoOf(address.address)}>` : "write <https://…> or <mailto:…>";
    return { problem: `${shown(text)} is no URI; ${meant}` };
  }
  if (scheme === "mailto") return mailto(text);
  return scheme === "http" || scheme === "https" ? webAddress(text) : { uri: percentEncoded(text) };
}

/** The `mailto:` URI of an address (RFC 6068 §2). */
export function mailtoOf(address: string): string {
  return `mailto:${address.replace(NOT_OF_A_MAILTO, encodeURIComponent)}`;
}

function percentEncoded(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD").replace(NOT_OF_A_URI, (character) => encodeURIComponent(character));
}

/** Rewrites only the host and encodes the rest: `new URL` would change more of what the author wrote. */
function webAddress(text: string): { uri: string } | AddressProblem {
  const [, before = "", host = "", rest = ""] =
    /^([^:]*:\/\/(?:[^/?#]*@)?)(\[[^\]]*\]|[^/?#:]*)([^]*)$/.exec(text) ?? [];
  const ascii = isPrintableAscii(host) ? host : domainToASCII(host);
  const uri = percentEncoded(before) + ascii + percentEncoded(rest);
  if (HOST.test(ascii) && URL.canParse(uri)) return { uri };
  return { problem: `${shown(text)} is no web address` };
}

function mailto(text: string): { uri: string } | AddressProblem {
  const [, path = "", query = ""] = /^mailto:([^?]*)([^]*)$/i.exec(text) ?? [];
  const addresses: string[] = [];
  for (const written of path.split(",")) {
    const parsed = parseAddress(decoded(written));
    if ("problem" in parsed) return parsed;
    addresses.push(mailtoOf(parsed.address).slice("mailto:".length));
  }
  return { uri: `mailto:${addresses.join(",")}${percentEncoded(query)}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
