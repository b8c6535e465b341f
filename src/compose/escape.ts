/** What becomes of a value where it stands. */
import type { Value } from "./value-mark.ts";

/**
 * Where a value stands: in the text of HTML, in a quoted or an unquoted attribute, in an address (at its start, or behind something), in JSON
 * inside a `<script>`, or in plain text.
 */
export type Place =
  | { in: "html" | "unquoted" | "json" | "text" }
  | { in: "address"; start: boolean; opaque: boolean; html: "quoted" | "unquoted" | "text" | null };

export const IN_TEXT: Place = { in: "text" };
export const IN_HTML: Place = { in: "html" };

/** The value as it is written in this place. */
export function escapeFor(place: Place, value: Value): string {
  if (value.kind === "markup") return value.text;
  if (place.in === "address") return escapeMarkup(addressPart(place, value), place.html);
  if (place.in === "text") return value.text;
  if (place.in === "json") return escapeJson(value.text);
  return escapeMarkup(value.text, place.in === "unquoted" ? "unquoted" : "text");
}

/** The value as readers of the text part see it in this place: encoded in an address, never escaped. */
export function plainFor(place: Place, value: Value): string {
  return place.in === "address" && value.kind !== "markup" ? addressPart(place, value) : value.text;
}

function addressPart(place: Extract<Place, { in: "address" }>, { kind, text }: Value): string {
  if (kind === "encoded") return text;
  return place.start ? wholeAddress(text) : partOfAddress(text, place.opaque);
}

function escapeMarkup(text: string, within: "quoted" | "unquoted" | "text" | null): string {
  if (within === null) return text;
  const escaped = escapeHtml(text);
  return within === "unquoted" ? escaped.replace(/[\s=`/]/g, (found) => `&#${found.charCodeAt(0)};`) : escaped;
}

const HTML_ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** Safe in the text of HTML and in quoted attributes. */
export function escapeHtml(text: string): string {
  // Most values have nothing to escape, and to look for it is quicker than to replace it.
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character] ?? character) : text;
}

/** Inside the quotes of a JSON string; `<` too, so that it cannot end the `<script>` around it. */
function escapeJson(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&'\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Behind something of an address (RFC 3986 §2.1): the value means itself, whatever signs it holds. */
function partOfAddress(value: string, opaque: boolean): string {
  // Nearly always, and quicker than to find it out by encoding.
  if (/^[\w.~-]*$/.test(value)) return value;
  const encoded = encodeURIComponent(value);
  // `mailto:` and `tel:` know no path: there `@` and `+` stand for themselves (RFC 6068 §2, RFC 3966 §3), and mail programs take them so.
  return opaque ? encoded.replaceAll("%40", "@").replaceAll("%2B", "+") : encoded;
}

/** Schemes that run what follows them. */
const RUNS = /^(?:javascript|vbscript|data):/i;

/** At the start the value is an address itself: only what no address can have is encoded. */
function wholeAddress(value: string): string {
  const address = value.replace(/[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]+/gu, encodeURIComponent);
  // Nothing from a list may run; the link is dead, as its author would want it.
  return RUNS.test(value.replace(/[^a-z:]/gi, "")) ? `unsafe:${address}` : address;
}

/** How far the address is written in which a value stands behind `before`. */
export function addressAt(before: string): { start: boolean; opaque: boolean } {
  const written = before.trimStart();
  return { start: written === "", opaque: /^(?:mailto|tel|sms|callto|sip):[^?]*$/i.test(written) };
}

const ADDRESS_IN_TEXT = /(?:https?:\/\/|mailto:)[!#$%&(-;=?-Z[\]_a-z~]*$/i;

/** The same for an address in running text, which mail programs make a link of; null when `before` does not end in one. */
export function addressInText(before: string): { start: boolean; opaque: boolean } | null {
  const address = ADDRESS_IN_TEXT.exec(before.slice(-2_000))?.[0];
  return address === undefined ? null : addressAt(address);
}
