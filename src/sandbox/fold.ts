/** RFC 2047 §2: a line with encoded-words has at most 76 characters; RFC 5322 §2.1.1 recommends 78 for all. */
const MOST = 76;

/**
 * A header field of printable ASCII, folded before white space (RFC 5322 §2.2.3) into lines of at most 76 characters, with the line
 * break at its end. What has no white space is never broken: it makes its line longer. Unfolded, the field is what it was.
 *
 * Nodemailer's `foldLines` breaks long runs of spaces, too, and then writes lines of nothing but white space, which end a message's head for some.
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
