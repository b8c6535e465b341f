/** What becomes of a value where it stands. */
import { cssFor, type CssPlace } from "./css-value.ts";
import type { Value } from "./value-mark.ts";

/** In which kind of HTML: a quoted or an unquoted attribute (`bare`: the whole of it), text, the text of `<style>`; null: in none. */
export type Around = "quoted" | "unquoted" | "bare" | "text" | "sheet" | null;

/**
 * How far the address is written in which a value stands: it is the start, the host (and what follows it), or behind something of it. `opaque`:
 * the address has no path. `colon`: the value is the scheme.
 */
export interface AddressPlace {
  start: boolean;
  host: boolean;
  opaque: boolean;
  colon: boolean;
}

/**
 * Where a value stands: in the text of HTML, in a quoted or an unquoted attribute, behind a `<` (which belongs to the place), in CSS, in an address
 * (`within`: signs that would end it there), in JSON inside a `<script>` (in a string, or instead of a value), or in plain text.
 */
export type Place =
  | { in: "html" | "unquoted" | "bare" | "tag" | "json" | "json value" | "text" }
  | { in: "css"; css: CssPlace; html: Around }
  | ({ in: "address"; html: Around; within: "css" | "srcset" | null } & AddressPlace);

export const IN_TEXT: Place = { in: "text" };
export const IN_HTML: Place = { in: "html" };

/** The value as it is written in this place. */
export function escapeFor(place: Place, value: Value): string {
  if (value.kind === "markup") return place.in === "tag" ? `<${value.text}` : value.text;
  switch (place.in) {
    case "address":
      return escapeMarkup(addressPart(place, value), place.html);
    case "css":
      return escapeMarkup(cssFor(place.css, value.text), place.html);
    case "tag":
      return TAGS.test(value.text) ? `<${value.text}` : escapeHtml(`<${value.text}`);
    case "json":
      return escapeJson(value.text);
    case "json value":
      return JSON_VALUE.test(value.text) ? value.text : `"${escapeJson(value.text)}"`;
    case "text":
      return value.text;
    default:
      return escapeMarkup(value.text, place.in === "html" ? "text" : place.in);
  }
}

/** `<{{ email }}>` shows an address in brackets; only of these a template may make a tag. */
const TAGS =
  /^(?:h[1-6]|p|div|span|center|blockquote|pre|code|small|big|b|i|em|strong|u|s|ul|ol|li|dl|dt|dd|table|thead|tbody|tfoot|tr|td|th|section|article|header|footer)$/i;

const JSON_VALUE = /^(?:-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?|true|false|null)$/i;

/** The value as readers of the text part see it in this place: encoded in an address, never escaped. */
export function plainFor(place: Place, value: Value): string {
  return place.in === "address" && value.kind !== "markup" ? addressPart(place, value) : value.text;
}

function addressPart(place: Extract<Place, { in: "address" }>, { kind, text }: Value): string {
  if (kind === "encoded") return text;
  const part = place.start
    ? wholeAddress(text, place.colon)
    : place.host
      ? hostAndPath(text)
      : partOfAddress(text, place.opaque);
  if (place.within === "srcset") return part.replaceAll(",", "%2C");
  return place.within === "css" ? part.replace(/['()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`) : part;
}

function escapeMarkup(text: string, within: Around): string {
  if (within === null || within === "sheet") return text;
  // What follows would be taken for the value.
  if (within === "bare" && text === "") return '""';
  const escaped = escapeHtml(text);
  return within === "unquoted" || within === "bare"
    ? escaped.replace(/[\s=`/]/g, (found) => `&#${found.charCodeAt(0)};`)
    : escaped;
}

const HTML_ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** Safe in the text of HTML and in quoted attributes. */
export function escapeHtml(text: string): string {
  // Most values have nothing to escape, and to look for it is quicker than to replace it.
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character] ?? character) : text;
}

/** Inside the quotes of a JSON string, or one of JavaScript; `<` too, so that it cannot end the `<script>` around it. */
function escapeJson(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&'`$\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
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

/** A picture as an address is nothing but a picture. */
const PICTURE = /^data:image\/(?:png|jpe?g|gif|webp|avif|bmp)[;,]/i;

/** What no address can have. */
const NOT_OF_ADDRESS = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]+/gu;

/** At the start the value is an address itself: only what no address can have is encoded. `colon`: it is followed by one. */
function wholeAddress(value: string, colon: boolean): string {
  const address = value.replace(NOT_OF_ADDRESS, encodeURIComponent);
  const letters = value.replace(/[^a-z:]/gi, "");
  // Nothing from a list may run; the link is dead, as its author would want it.
  if (PICTURE.test(value)) return address;
  return RUNS.test(colon ? `${letters}:` : letters) ? `unsafe:${address}` : address;
}

/** Behind `https://`: people have `example.com/shop` in their lists, and with the scheme. */
function hostAndPath(value: string): string {
  return value.replace(/^\s*(?:https?:)?\/\//i, "").replace(NOT_OF_ADDRESS, encodeURIComponent);
}

/** How far the address is written in which a value stands between `before` and `after`. */
export function addressAt(before: string, after: string): AddressPlace {
  const written = before.trimStart();
  const start = written === "";
  return {
    start,
    // Not `https://{{ shop }}.example.com`: there the value is a part of the host.
    host: /^(?:https?:)?\/\/$/i.test(written) && !/^(?:[\w:@%-]|\.\w)/.test(after),
    opaque: /^(?:mailto|tel|sms|callto|sip):[^?]*$/i.test(written),
    colon: start && after.startsWith(":"),
  };
}

const ADDRESS_IN_TEXT = /(?:https?:\/\/|mailto:)[!#$%&(-;=?-Z[\]_a-z~]*$/i;

/** The same for an address in running text, which mail programs make a link of; null when `before` does not end in one. */
export function addressInText(before: string, after: string): AddressPlace | null {
  const address = ADDRESS_IN_TEXT.exec(before.slice(-2_000))?.[0];
  return address === undefined ? null : addressAt(address, after);
}
