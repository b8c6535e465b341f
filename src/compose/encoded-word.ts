/** Anything outside printable ASCII. */
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/;

/** 75 characters (RFC 2047 §2) less `=?UTF-8?B?` and `?=` leave 60 of base64, which hold 45 bytes. */
const BYTES_PER_WORD = 45;

/** True when `text` can stand in a mail header as it is. */
export function isPrintableAscii(text: string): boolean {
  return !NOT_PRINTABLE_ASCII.test(text);
}

/**
 * `text` as RFC 2047 encoded-words (UTF-8, base64, each at most 75 characters) with a space between them, which readers
 * drop. A code point is never split between two words.
 */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let word = "";
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > BYTES_PER_WORD) {
      words.push(word);
      word = "";
      bytes = 0;
    }
    word += character;
    bytes += size;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join(" ");
}
