/** Which links are one link in a report. */

/** A link with more variants than this is one link that is different for each recipient. */
export const MOST_VARIANTS = 20;
/** A part of a path that looks like one recipient's token: it is long and has a digit. */
const TOKEN = /^(?=.*\d)[\w.~%=-]{16,}$/;

/** The part that variants of a link share: `https://x.example/u/…?…`, without tokens in the path, and without the query. */
export function stemOf(link: string): string {
  const [, path = "", rest = ""] = /^([^?#]*)(.*)$/s.exec(link) ?? [];
  const parts = path.split("/").map((part, index) => (index > 2 && TOKEN.test(part) ? "…" : part));
  return parts.join("/") + (rest === "" ? "" : `${rest.charAt(0)}…`);
}
