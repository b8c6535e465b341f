import { shortened } from "../printable.ts";

/** C0, DEL, C1 and the line and paragraph separators: they end a header line, or a terminal obeys them. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

const MOST_SHOWN = 80;

/** True when the text has a control character or line separator, which no mail header may contain, not even encoded. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/** The text for a message: in JSON quotes, on one line, cut after 80 characters. */
export function shown(text: string): string {
  return JSON.stringify(shortened(text, MOST_SHOWN));
}

/**
 * The text as a quoted value of YAML, in the quotes that need the least escaping. Quotes that are already around it are
 * replaced.
 */
export function yamlQuoted(text: string): string {
  const inner = /^(["'])(.*)\1$/.exec(text)?.[2];
  // `"Hi" and "bye"` also begins and ends with a quote, but these do not belong together.
  const bare = inner === undefined || /^[^"']*["'](?:\s|$)/.test(inner) ? text : inner;
  return /["\\]/.test(bare) ? `'${bare.replaceAll("'", "''")}'` : `"${bare}"`;
}
