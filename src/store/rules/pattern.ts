/**
 * Makes texts of mail servers comparable. They differ between recipients in addresses, queue ids and times; without those the
 * same cause reads the same. Status codes (`550`, `5.1.1`), versions and links to explanations stay.
 */
const ADDRESS = /[^\s<>()[\]"',;:]+@[^\s<>()[\]"',;:]+/g;
const IP = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,}[0-9a-f:]*\b/gi;
const TIME = /\b\d\d:\d\d:\d\d\b/g;
const LONG_WORD = /[\w.=+/-]{8,}/g;
/**
 * Long words that have digits and are nobody's own: a status of SMTP such as `550-5.1.1`, a version such as `HTTP/1.1` or `TLSv1.2`, and the
 * name of an error such as `ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION`. A full stop may end a sentence with one.
 */
const KNOWN = [
  /^\d{3}-\d\.\d{1,3}\.\d{1,3}\.?$/,
  /^(?:[a-z]+\/v?|[a-z]*v)\d{1,3}(?:\.\d{1,3}){1,3}\.?$/i,
  /^[A-Z]+\d{0,2}(?:_[A-Z]+\d{0,2})+\.?$/,
];
const LINK = /https?:\/\/[^\s<>"]+/gi;

/** Texts from SES are shorter. The limit is for texts that somebody made to be slow to search. */
const MOST_CHARACTERS = 1_000;

/**
 * The text on one line, with `…` for parts that look like one recipient's own. It is mostly equal for the same cause. Only the
 * first 1,000 characters are read.
 */
export function patternOf(long: string): string {
  const text = long.slice(0, MOST_CHARACTERS);
  let pattern = "";
  let from = 0;
  for (const link of text.matchAll(LINK)) {
    // Some servers append an id of the recipient to the link as its query.
    pattern += blanked(text.slice(from, link.index)) + link[0].replace(/[?#].*$/, "");
    from = link.index + link[0].length;
  }
  return (pattern + blanked(text.slice(from))).replace(/\s+/g, " ").trim();
}

function blanked(text: string): string {
  return text
    .replace(ADDRESS, "…")
    .replace(IP, "…")
    .replace(TIME, "…")
    .replace(LONG_WORD, (word) => (isOwn(word) ? "…" : word));
}

/** Whether a long word may be one recipient's. */
function isOwn(word: string): boolean {
  return /\d/.test(word) && !KNOWN.some((known) => known.test(word));
}
