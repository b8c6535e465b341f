/** Encodes the values of headers for the wire. Each kind of header allows encoded-words in other places. */
import type { AddressProblem } from "../address/address.ts";
import { encodeText, encodeWords, isPrintableAscii, needsEncoding } from "../address/encoded-word.ts";
import {
  displayNameProblem,
  formatMailbox,
  formatPhrase,
  mailboxesIn,
  phraseText,
  splitMailbox,
} from "../address/mailbox.ts";
import { shown } from "../shown.ts";
import { asciiUri } from "./uri.ts";

type Wired = { value: string } | AddressProblem;

/**
 * Headers of mailboxes with commas between them. `Sender` has only one (RFC 5322 §3.6.2); the others come from RFC
 * 8098, RFC 5322 §3.6.6 and custom.
 */
const MAILBOXES = names(
  "Sender Errors-To Bounces-To Disposition-Notification-To Return-Receipt-To X-Confirm-Reading-To Delivered-To Original-From " +
    "Resent-From Resent-Sender Resent-To Resent-Cc Resent-Bcc Resent-Reply-To Mail-Followup-To Mail-Reply-To",
);

/** Headers of URIs in angle brackets: RFC 2369, and RFC 5064 for the last one. */
const URIS = names(
  "List-Unsubscribe List-Help List-Post List-Subscribe List-Owner List-Archive List-Digest Archived-At",
);

/** Headers of message ids in angle brackets (RFC 5322 §3.6.4). */
const IDS = names("References In-Reply-To Resent-Message-ID Original-Message-ID Supersedes Obsoletes Content-ID");

/** Headers of protocol words, dates, codes and signatures. Programs read them, and nobody decodes them. */
const TOKENS = names(
  "Auto-Submitted Precedence Priority Importance Sensitivity Message-Context Feedback-ID Content-Language Accept-Language " +
    "acceptLanguage Content-Alternative Content-Base Content-Class Content-Duration Content-Features Content-Length Content-Location " +
    "Content-MD5 Disposition-Notification-Options Original-Recipient Original-Encoded-Information-Types Thread-Index VBR-Info " +
    "Solicitation Expires Expiry-Date Reply-By Deferred-Delivery Resent-Date Received Received-SPF DKIM-Signature " +
    "DomainKey-Signature Authentication-Results ARC-Seal ARC-Message-Signature ARC-Authentication-Results BIMI-Selector BIMI-Location " +
    "Autocrypt OpenPGP X-Priority X-MSMail-Priority X-Auto-Response-Suppress",
);

const SEVERAL_URIS = "URIs in angle brackets with commas between them, <https://…>, <mailto:…>";

const ONE_CLICK = "List-Unsubscribe=One-Click";

/** RFC 2919 §3: dot-atoms, and at least one dot. */
const LIST_ID = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+$/;
const MAX_LIST_ID = 255;

/** A comment with at most two levels of parentheses; nobody writes more. */
const COMMENT = "\\((?:[^()\\\\]|\\\\.|\\((?:[^()\\\\]|\\\\.)*\\))*\\)";
const URI_TOKEN = new RegExp(`${COMMENT}|<[^<>]*>|,|[^\\s,<(]+|[^]`, "g");

function names(list: string): Set<string> {
  return new Set(list.toLowerCase().split(" "));
}

/**
 * The value of the header `name` in printable ASCII. `value` has to be trimmed and must not have control characters.
 * Only words and comments become RFC 2047 encoded-words; URIs are percent-encoded, domains become punycode. A value is
 * a problem when its URI, id, address or keyword cannot be written in ASCII, or when it lacks the angle brackets that
 * its header needs. The problem is one clause that begins with `header <name>`. Never throws.
 */
export function encodeValue(name: string, value: string): Wired {
  const key = name.toLowerCase();
  const wired = encoderFor(key)(value, key);
  return "problem" in wired ? { problem: `header ${name}${wired.problem}` } : wired;
}

/** Whether a header consists of URIs in angle brackets, so that a variable in them is part of an address. */
export function holdsUris(name: string): boolean {
  return URIS.has(name.toLowerCase());
}

function encoderFor(key: string): (value: string, key: string) => Wired {
  if (MAILBOXES.has(key)) return mailboxes;
  if (URIS.has(key)) return uris;
  if (IDS.has(key)) return ids;
  if (TOKENS.has(key) || key.startsWith("x-ses-")) return token;
  if (key === "list-id") return listId;
  if (key === "list-unsubscribe-post") return oneClick;
  return key === "keywords" ? keywords : unstructured;
}

function mailboxes(value: string, key: string): Wired {
  const written = mailboxesIn(value);
  if (key === "sender" && written.length > 1) return { problem: ` expects one address, got ${shown(value)}` };
  const formatted: string[] = [];
  for (const each of written) {
    const mailbox = splitMailbox(each);
    if ("problem" in mailbox) return { problem: ` expects an address or Name <address>: ${mailbox.problem}` };
    const problem = displayNameProblem(mailbox);
    if (problem !== null) return { problem: `: ${problem}` };
    formatted.push(formatMailbox(mailbox));
  }
  return { value: formatted.join(", ") };
}

/**
 * Each URI may have comments beside it. `List-Post: NO` says that nobody may write to the list. Blank entries are left
 * out.
 */
function uris(value: string, key: string): Wired {
  const entries: string[][] = [[]];
  for (const token of value.match(URI_TOKEN) ?? []) {
    if (token === ",") {
      entries.push([]);
    } else if (token.startsWith("(") && token.length > 1) {
      entries.at(-1)?.push(comment(token));
    } else if (token.startsWith("<") && token.length > 1) {
      const found = asciiUri(token.slice(1, -1));
      if ("problem" in found) return { problem: `: ${found.problem}` };
      entries.at(-1)?.push(`<${found.uri}>`);
    } else if (key === "list-post" && token.toUpperCase() === "NO") {
      entries.at(-1)?.push("NO");
    } else if (token.trim() !== "") {
      return { problem: expectedUris(value, key, token === value ? "" : token) };
    }
  }
  const present = entries.filter((entry) => entry.length > 0);
  const complete = present.every((entry) => entry.filter((part) => !part.startsWith("(")).length === 1);
  const count = key === "archived-at" ? present.length === 1 : present.length > 0;
  if (!complete || !count) return { problem: expectedUris(value, key) };
  return { value: present.map((entry) => entry.join(" ")).join(", ") };
}

function expectedUris(value: string, key: string, found = ""): string {
  const expected = key === "archived-at" ? "one URI in angle brackets, <https://…>" : SEVERAL_URIS;
  return ` expects ${expected}, got ${shown(value)}${found === "" ? "" : `, with ${shown(found)} outside the brackets`}`;
}

function comment(written: string): string {
  if (!needsEncoding(written)) return written;
  return `(${encodeWords(written.slice(1, -1).replace(/\\(.)/g, "$1"))})`;
}

function ids(value: string): Wired {
  const found = value.match(/<[^<>\s@]+@[^<>\s@]+>/g) ?? [];
  const rest = value.replace(/<[^<>\s@]+@[^<>\s@]+>/g, "");
  if (found.length > 0 && rest.trim() === "" && !needsEncoding(value)) return { value: found.join(" ") };
  return { problem: ` expects message ids in ASCII, <id@example.com>, with spaces between them, got ${shown(value)}` };
}

function listId(value: string): Wired {
  const [, words = "", id = ""] = /^([^]*)<([^<>]*)>$/.exec(value) ?? [];
  if (!LIST_ID.test(id.trim()) || id.trim().length > MAX_LIST_ID) {
    return {
      problem: ` expects an id in ASCII, in angle brackets, such as News <news.example.com>, got ${shown(value)}`,
    };
  }
  const phrase = phraseText(words);
  return { value: phrase === "" ? `<${id.trim()}>` : `${formatPhrase(phrase)} <${id.trim()}>` };
}

function oneClick(value: string): Wired {
  return value === ONE_CLICK ? { value } : { problem: ` expects ${ONE_CLICK} (RFC 8058), got ${shown(value)}` };
}

/** Programs could read `=?` as the beginning of an encoded-word, which these headers cannot have. */
function token(value: string): Wired {
  return needsEncoding(value) ? { problem: ` takes ASCII only, without =?, got ${shown(value)}` } : { value };
}

/** Encodes phrases with commas between them (RFC 5322 §3.6.5). */
function keywords(value: string): Wired {
  const entries = value.match(/(?:"(?:[^"\\]|\\.)*"|[^,])+/g) ?? [];
  const phrases = entries.map(phraseText).filter((phrase) => phrase !== "");
  return phrases.length > 0 ? { value: phrases.map(formatPhrase).join(", ") } : { problem: " has no words" };
}

/** Encodes any other header. URIs in angle brackets are percent-encoded even there, because programs read them. */
function unstructured(value: string): Wired {
  const text = value.replace(/<[A-Za-z][A-Za-z0-9+.-]*:[^<>]*>/g, (bracketed) => {
    if (isPrintableAscii(bracketed)) return bracketed;
    const found = asciiUri(bracketed.slice(1, -1));
    return "uri" in found ? `<${found.uri}>` : bracketed;
  });
  return { value: encodeText(text) };
}

/**
 * Why unsubscribing with one click cannot work with these headers as they are sent (RFC 8058 §3.1). Null when it can,
 * or when they do not promise it.
 */
export function oneClickProblem(headers: readonly { name: string; value: string }[]): string | null {
  const valueOf = (name: string) => headers.find((header) => header.name.toLowerCase() === name)?.value;
  if (valueOf("list-unsubscribe-post") === undefined || /<https:/i.test(valueOf("list-unsubscribe") ?? "")) return null;
  return "header List-Unsubscribe-Post expects an https address in List-Unsubscribe";
}
