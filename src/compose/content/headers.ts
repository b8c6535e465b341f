/** Checks the headers of a mail by the rules of SES, and makes those for unsubscribing. */
import { UserError } from "../../errors.ts";
import type { Header } from "../../message.ts";
import { type AddressProblem, parseAddress } from "../address/address.ts";
import { encodeValue } from "./header-value.ts";
import { refuseVariables } from "./no-variables.ts";
import { hasControl, shown } from "../shown.ts";
import { asciiUri, mailtoOf } from "./uri.ts";

/** Limits of the SES API, MessageHeader: number of headers, and characters of the name, the value and both together. */
const MAX_HEADERS = 15;
const NAME = /^[!-9;-@A-~]{1,126}$/;
const MAX_VALUE = 995;
const MAX_NAME_AND_VALUE = 996;

/** SES writes these itself and refuses them here (SES developer guide, header fields). */
const REFUSED = new Set(
  ["BCC", "CC", "Content-Disposition", "Content-Type", "Date", "From", "Message-ID", "MIME-Version"]
    .concat(["Reply-To", "Return-Path", "Subject", "To", "Content-Transfer-Encoding"])
    .map((name) => name.toLowerCase()),
);

/** The option to use instead of a refused header. */
const OPTION_FOR: Record<string, string> = { from: "--from", "reply-to": "--reply-to", subject: "--subject" };

/**
 * The only headers that may be given twice. SES accepts even Comments and Keywords only once (SES developer guide,
 * header fields).
 */
const REPEATABLE = /^x-/;

/**
 * Splits `Name: value`, as typed after `--header`; both are trimmed. Throws `UserError` when there is no name or no
 * colon.
 */
export function parseHeader(typed: string): Header {
  const colon = typed.indexOf(":");
  if (colon < 1) throw new UserError(`--header expects 'Name: value', got ${JSON.stringify(typed)}`);
  return { name: typed.slice(0, colon).trim(), value: typed.slice(colon + 1).trim() };
}

/**
 * Checks the names of all headers of a mail. Throws `UserError` for a name that SES refuses, a name with variables, a
 * name given twice, List-Unsubscribe-Post without List-Unsubscribe, and more than 15 headers.
 */
export function checkHeaderNames(names: string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    const key = name.toLowerCase();
    refuseVariables("the name of a header", name);
    if (!NAME.test(name))
      throw new UserError(`header ${JSON.stringify(name)}: a name has 1–126 ASCII characters and no space or colon`);
    if (REFUSED.has(key)) {
      const option = OPTION_FOR[key];
      throw new UserError(
        `header ${name} is written by SES and cannot be given`,
        option === undefined ? "remove it" : `use ${option}`,
      );
    }
    if (seen.has(key) && !REPEATABLE.test(key))
      throw new UserError(`header ${name} is given twice`, "SES takes it once only");
    seen.add(key);
  }
  if (seen.has("list-unsubscribe-post") && !seen.has("list-unsubscribe"))
    throw new UserError(
      "header List-Unsubscribe-Post means nothing without List-Unsubscribe",
      "add List-Unsubscribe: <https://…>, or give --unsubscribe-url, which writes both",
    );
  if (names.length > MAX_HEADERS)
    throw new UserError(
      `expected at most ${MAX_HEADERS} headers, got ${names.length}`,
      "List-Unsubscribe, List-Unsubscribe-Post and the List-Id of a list count too",
    );
}

/**
 * The value of a header as it is sent: printable ASCII within the limits of SES, encoded as this header allows
 * (`encodeValue`). `written` is the value as its author reads it, with variables filled in. Never throws.
 */
export function wireHeader(name: string, written: string): { value: string } | AddressProblem {
  const value = written.trim();
  if (value === "") return { problem: `header ${name} is empty` };
  if (hasControl(value)) return { problem: `header ${name} contains a line break or control character` };
  const most = Math.min(MAX_VALUE, MAX_NAME_AND_VALUE - name.length);
  const tooLong = (length: number) => ({ problem: `header ${name} is ${length} characters long, SES takes ${most}` });
  // Encoding removes at most quotes and spaces, so a value of this length cannot fit.
  if (value.length > 2 * MAX_VALUE) return tooLong(value.length);
  const wired = encodeValue(name, value);
  return "value" in wired && wired.value.length > most ? tooLong(wired.value.length) : wired;
}

/**
 * The https URI for List-Unsubscribe (RFC 8058). Characters that a URI cannot have are percent-encoded, as in the other
 * headers of RFC 2369 (`asciiUri`). Anything but an https address is a problem. Never throws.
 */
export function unsubscribeUri(url: string): { uri: string } | AddressProblem {
  // Angle brackets would end the URI in its header, so the author must have meant something else.
  const found = hasControl(url) || !/^\s*https:[^<>]*$/i.test(url) ? null : asciiUri(url);
  if (found !== null && "uri" in found) return found;
  const hint = /^\s*mailto:/i.test(url) ? "; write an address as unsubscribe_mailto (--unsubscribe-mailto)" : "";
  return { problem: `the unsubscribe URL expects a web address, https://…, got ${shown(url)}${hint}` };
}

/**
 * The mailto URI for `a@b.c`, `mailto:a@b.c` or `mailto:a@b.c?subject=…`. Throws `UserError` for anything else, and for
 * variables.
 */
export function mailtoUri(typed: string): string {
  refuseVariables("--unsubscribe-mailto", typed);
  const [, address = "", query = ""] = /^(?:mailto:)?([^?]*)(\?.*)?$/is.exec(typed.trim()) ?? [];
  const parsed = parseAddress(address);
  if ("problem" in parsed) throw new UserError(`--unsubscribe-mailto expects an address: ${parsed.problem}`);
  if (!/^[!-~]*$/.test(query) || /[<>"]/.test(query))
    throw new UserError(`--unsubscribe-mailto: ${JSON.stringify(query)} is not percent-encoded`);
  return mailtoOf(parsed.address) + query;
}

/**
 * List-Unsubscribe, and with a `url` also List-Unsubscribe-Post (RFC 8058). `url` is an https URI, `mailto` a mailto
 * URI; empty when both are null.
 */
export function unsubscribeHeaders(url: string | null, mailto: string | null): Header[] {
  const uris = [url, mailto].filter((uri) => uri !== null).map((uri) => `<${uri}>`);
  if (uris.length === 0) return [];
  const list = { name: "List-Unsubscribe", value: uris.join(", ") };
  return url === null ? [list] : [list, { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" }];
}
