/** C0, DEL, C1 and the line and paragraph separators: what would end a header line, or what a terminal obeys. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

const MOST_SHOWN = 80;

/** True when a mail header cannot hold the text whatever encodes it. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/** The text as messages quote it: in quotes, on one line, at most 80 characters of it. */
export function shown(text: string): string {
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);
}

/** The text as a value of YAML, in the quotes that need the least escaping; quotes that are around it already are not doubled. */
export function yamlQuoted(text: string): string {
  const inner = /^(["'])(.*)\1$/.exec(text)?.[2];
  // "Hi" and "bye" begins and ends with a quote, too.
  const bare = inner === undefined || /^[^"']*["'](?:\s|$)/.test(inner) ? text : inner;
  return /["\\]/.test(bare) ? `'${bare.replaceAll("'", "''")}'` : `"${bare}"`;
}
