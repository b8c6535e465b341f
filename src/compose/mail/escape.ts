/** Escapes and encodes values for the places where they are written. */
import { cssFor, type CssPlace } from "./css-value.ts";
import type { Value } from "./value-mark.ts";

/**
 * The HTML around a value: a quoted or an unquoted attribute (`bare`: the value is the whole attribute), text, the text
 * of `<style>`. Null: no HTML.
 */
export type Around = "quoted" | "unquoted" | "bare" | "text" | "sheet" | null;

/**
 * The place of a value in an address. `start`: the value begins the address. `host`: it is the host and everything
 * after it. With neither, it comes later. `opaque`: the address has no path (`mailto:`, `tel:`). `colon`: the value is
 * the scheme.
 */
export interface AddressPlace {
  start: boolean;
  host: boolean;
  opaque: boolean;
  colon: boolean;
}

/**
 * The place of a value: in the text of HTML or a quoted attribute (`html`), in an unquoted attribute, after a `<` that
 * is part of the place (`tag`), in CSS, in an address (`within` tells which characters would end it), in JSON inside a
 * `<script>` (in a string, or instead of a value), or in plain text.
 */
export type Place =
  | { in: "html" | "unquoted" | "bare" | "tag" | "json" | "json value" | "text" }
  | { in: "css"; css: CssPlace; html: Around }
  | ({ in: "address"; html: Around; within: "css" | "srcset" | null } & AddressPlace);

/** In plain text, where nothing is escaped. */
export const IN_TEXT: Place = { in: "text" };
/** In the text of HTML, or in a quoted attribute. */
export const IN_HTML: Place = { in: "html" };

/** The value as it is written in this place: encoded for an address, CSS or JSON, then escaped for the HTML around it. */
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

/**
 * The only tags that `<{{ tag }}>` can make. Any other value is text, so that `<{{ email }}>` shows an address in
 * brackets.
 */
const TAGS =
  /^(?:h[1-6]|p|div|span|center|blockquote|pre|code|small|big|b|i|em|strong|u|s|ul|ol|li|dl|dt|dd|table|thead|tbody|tfoot|tr|td|th|section|article|header|footer)$/i;

const JSON_VALUE = /^(?:-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?|true|false|null)$/i;

/** The value as it is written in the text part for this place: encoded in an address, never escaped. */
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
  // Without quotes, browsers would read what follows as the value.
  if (within === "bare" && text === "") return '""';
  const escaped = escapeHtml(text);
  return within === "unquoted" || within === "bare"
    ? escaped.replace(/[\s=`/]/g, (found) => `&#${found.charCodeAt(0)};`)
    : escaped;
}

const HTML_ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** Escapes text for HTML: safe as text and in quoted attributes. */
export function escapeHtml(text: string): string {
  // Most values have nothing to escape, and testing is faster than replacing.
  return /[&<>"']/.test(text) ? text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character] ?? character) : text;
}

/**
 * Escapes text for a string of JSON or JavaScript. `<` is escaped too, so that the text cannot end the `<script>`
 * around it.
 */
function escapeJson(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&'`$\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value after the beginning of an address is percent-encoded (RFC 3986 §2.1), so that it is always data. */
function partOfAddress(value: string, opaque: boolean): string {
  // True for nearly all values, and faster than encoding.
  if (/^[\w.~-]*$/.test(value)) return value;
  const encoded = encodeURIComponent(value);
  // `mailto:` and `tel:` have no path, so `@` and `+` mean themselves there (RFC 6068 §2, RFC 3966 §3), also for mail
  // programs.
  return opaque ? encoded.replaceAll("%40", "@").replaceAll("%2B", "+") : encoded;
}

/** Schemes that run what follows them. */
const RUNS = /^(?:javascript|vbscript|data):/i;

/** A `data:` address of a picture cannot run anything. */
const PICTURE = /^data:image\/(?:png|jpe?g|gif|webp|avif|bmp)[;,]/i;

/** Characters that no address can have. */
const NOT_OF_ADDRESS = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]+/gu;

/**
 * A value at the start is a whole address, so only characters that no address can have are encoded. `colon`: a colon
 * follows it.
 */
function wholeAddress(value: string, colon: boolean): string {
  const address = value.replace(NOT_OF_ADDRESS, encodeURIComponent);
  const letters = value.replace(/[^a-z:]/gi, "");
  // No value of a list may run a script, so such a link is made dead.
  if (PICTURE.test(value)) return address;
  return RUNS.test(colon ? `${letters}:` : letters) ? `unsafe:${address}` : address;
}

/** A value after `https://`. People write `example.com/shop` in their lists, with or without the scheme. */
function hostAndPath(value: string): string {
  return value.replace(/^\s*(?:https?:)?\/\//i, "").replace(NOT_OF_ADDRESS, encodeURIComponent);
}

/**
 * The place of a value in an address: `before` is the address up to the value, `after` one or two characters after it.
 */
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

/**
 * Like `addressAt`, for an address in running text, which mail programs make into a link. Null when `before` does not
 * end in an address.
 */
export function addressInText(before: string, after: string): AddressPlace | null {
  const address = ADDRESS_IN_TEXT.exec(before.slice(-2_000))?.[0];
  return address === undefined ? null : addressAt(address, after);
}
