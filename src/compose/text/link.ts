/** How a link is written in the text part. */

/**
 * Makes of a link's text ("" for a picture without `alt`) and its `href` what stands in the text; "" for nothing. `address` is decoded and
 * trimmed, else as written: it may be relative, `#top` or `javascript:…`.
 */
export type LinkWriter = (text: string, address: string) => string;

/** Addresses that lead nowhere outside the mail. */
const NOWHERE = /^(?:$|#|(?:about|blob|cid|data|file|javascript|vbscript):)/i;

/**
 * `text [address]`; the text alone when the address says the same or leads nowhere, the address alone when there is no text. "The same" means
 * equal but for percent-encoding, `https://`, `mailto:` or `tel:`, the case of the host and a slash at the end. `mailto:` and `tel:` are left
 * out where nothing but an address or number follows.
 */
export function writeLink(text: string, address: string): string {
  if (NOWHERE.test(address)) return text;
  const shown = address.replace(/^(?:mailto|tel):(?!.*\?)/i, "");
  if (text === "") return shown;
  return saysTheSame(text, address) ? text : `${text} [${shown}]`;
}

function saysTheSame(text: string, address: string): boolean {
  if (/^tel:/i.test(address)) return digits(bare(text)) === digits(bare(address));
  return bare(text) === bare(address);
}

function bare(address: string): string {
  return decoded(address)
    .replace(/^(?:https?:\/\/|mailto:|tel:)/i, "")
    .replace(/\/$/, "")
    .replace(/^[^/?#]*/, (host) => host.toLowerCase());
}

function decoded(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

function digits(number: string): string {
  return number.replace(/[\s().\-/]/g, "");
}
