/** RFC 2047 §2: a line with encoded-words has at most 76 characters; RFC 5322 §2.1.1 recommends 78 for all. */
const MOST = 76;

/**
 * Writes a header field of printable ASCII and its line break. It is folded before white space (RFC 5322 §2.2.3) into
 * lines of at most 76 characters. A word without white space is never broken: it makes its line longer. Unfolded, the
 * field is the same as before.
 *
 * Nodemailer's `foldLines` also breaks long runs of spaces. It then writes lines of only white space, which some
 * programs take for the end of the headers.
 */
export function foldHeader(name: string, value: string): string {
  const lines = [`${name}:`];
  for (const word of ` ${value.trim()}`.match(/\s+\S+/g) ?? []) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length <= MOST) lines[lines.length - 1] = line + word;
    else lines.push(word);
  }
  return `${lines.join("\r\n")}\r\n`;
}
