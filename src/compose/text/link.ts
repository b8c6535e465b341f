/** Writes links in the text part. */

/**
 * Writes a link by its text ("" for a picture without `alt`) and its `href`. "" leaves it out. `address` is decoded and
 * trimmed, but not checked: it may be relative, `#top` or `javascript:…`.
 */
export type LinkWriter = (text: string, address: string) => string;

/** Addresses that do not lead out of the mail. */
const NOWHERE = /^(?:$|#|(?:about|blob|cid|data|file|javascript|vbscript):)/i;

/**
 * `text [address]`; only the text when the address is the same or does not lead out of the mail; only the address when
 * there is no text. They are the same when they differ only in percent-encoding, `https://`, `mailto:` or `tel:`, the
 * case of the host and a slash at the end. `mailto:` and `tel:` are left out when only an address or number follows.
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
