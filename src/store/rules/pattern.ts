/**
 * What servers write differs from recipient to recipient: addresses, queue ids, times. Without those, the same cause
 * reads the same. Status codes (`550`, `5.1.1`) and links to explanations stay.
 */
const ADDRESS = /[^\s<>()[\]"',;:]+@[^\s<>()[\]"',;:]+/g;
const IP = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,}[0-9a-f:]*\b/gi;
const TIME = /\b\d\d:\d\d:\d\d\b/g;
const LONG_WORD = /[\w.=+/-]{8,}/g;
/** What a server answers with: `550-5.1.1`. */
const STATUS = /^\d{3}-\d\.\d{1,3}\.\d{1,3}$/;
const LINK = /https?:\/\/[^\s<>"]+/gi;

/** What SES tells is shorter; a text made to be slow to search is not. */
const MOST_CHARACTERS = 1_000;

/**
 * The text with `…` for what is one recipient's own, on one line. Equal for the same cause, mostly. Of a long text only
 * the first 1,000 characters count.
 */
export function patternOf(long: string): string {
  const text = long.slice(0, MOST_CHARACTERS);
  let pattern = "";
  let from = 0;
  for (const link of text.matchAll(LINK)) {
    // Some append the recipient's own id to the link as its query.
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
    .replace(LONG_WORD, (word) => (/\d/.test(word) && !STATUS.test(word) ? "…" : word));
}
