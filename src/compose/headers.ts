import { UserError } from "../errors.ts";
import type { Header } from "../message.ts";
import { parseAddress } from "./address.ts";
import { encodeWords, isPrintableAscii } from "./encoded-word.ts";

/** SES API, MessageHeader: count, name, value, and both together. */
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

/** Where an option says the same thing better. */
const OPTION_FOR: Record<string, string> = { from: "--from", "reply-to": "--reply-to", subject: "--subject" };

/** The only ones that may stand twice (RFC 5322 §3.6), with those of one's own (`X-…`). */
const REPEATABLE = /^(?:comments|keywords|x-.*)$/;

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

/** `Name: value` as typed after `--header`. Throws `UserError` when there is no colon. */
export function parseHeader(typed: string): Header {
  const colon = typed.indexOf(":");
  if (colon < 1) throw new UserError(`--header expects 'Name: value', got ${JSON.stringify(typed)}`);
  return { name: typed.slice(0, colon).trim(), value: typed.slice(colon + 1).trim() };
}

/** Throws `UserError` for names SES refuses, for doubles, and for more than 15. */
export function checkHeaderNames(names: string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    const key = name.toLowerCase();
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
  if (names.length > MAX_HEADERS)
    throw new UserError(
      `expected at most ${MAX_HEADERS} headers, got ${names.length}`,
      "List-Unsubscribe and List-Unsubscribe-Post count too",
    );
}

/** Why SES would not take this value, or null. `value` as written, before `wireValue`. */
export function valueProblem(name: string, value: string): string | null {
  if (value.trim() === "") return `header ${name} is empty`;
  if (CONTROL.test(value)) return `header ${name} contains a line break or control character`;
  const length = wireValue(value).length;
  if (length > MAX_VALUE || length + name.length > MAX_NAME_AND_VALUE) {
    return `header ${name} is ${length} characters long, SES takes ${Math.min(MAX_VALUE, MAX_NAME_AND_VALUE - name.length)}`;
  }
  return null;
}

/** The value in printable ASCII: encoded-words where it is not. */
export function wireValue(value: string): string {
  return isPrintableAscii(value) ? value : encodeWords(value);
}

/** Why `url` cannot stand in List-Unsubscribe, or null: RFC 8058 wants an https URI, in angle brackets. */
export function unsubscribeUrlProblem(url: string): string | null {
  if (/^https:\/\/[^\s<>"\\^`{|}]+$/.test(url) && isPrintableAscii(url) && URL.canParse(url)) return null;
  return `the unsubscribe URL expects https://…, got ${JSON.stringify(url.length > 100 ? `${url.slice(0, 100)}…` : url)}`;
}

/** `a@b.c`, `mailto:a@b.c` or `mailto:a@b.c?subject=…` as a mailto URI. Throws `UserError`. */
export function mailtoUri(typed: string): string {
  const [, address = "", query = ""] = /^(?:mailto:)?([^?]*)(\?.*)?$/is.exec(typed.trim()) ?? [];
  const parsed = parseAddress(address);
  if ("problem" in parsed) throw new UserError(`--unsubscribe-mailto expects an address: ${parsed.problem}`);
  if (!/^[!-~]*$/.test(query) || /[<>"]/.test(query))
    throw new UserError(`--unsubscribe-mailto: ${JSON.stringify(query)} is not percent-encoded`);
  return `mailto:${parsed.address.replaceAll("%", "%25")}${query}`;
}

/** List-Unsubscribe, and List-Unsubscribe-Post when there is an https URI for it (RFC 8058). */
export function unsubscribeHeaders(url: string | null, mailto: string | null): Header[] {
  const uris = [url, mailto].filter((uri) => uri !== null).map((uri) => `<${uri}>`);
  if (uris.length === 0) return [];
  const list = { name: "List-Unsubscribe", value: uris.join(", ") };
  return url === null ? [list] : [list, { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" }];
}
