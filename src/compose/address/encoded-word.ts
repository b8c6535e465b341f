/** Writes text outside ASCII into headers as RFC 2047 encoded-words, and reads it back. */

/** Anything outside printable ASCII. */
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/;

/** 75 characters (RFC 2047 §2) less `=?UTF-8?B?` and `?=` leave 60 of base64, which hold 45 bytes. */
const BYTES_PER_WORD = 45;

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** True when `text` holds nothing but printable ASCII. */
export function isPrintableAscii(text: string): boolean {
  return !NOT_PRINTABLE_ASCII.test(text);
}

/**
 * True when `text` has to be encoded in a header: it is not printable ASCII, or it has `=?`, which mail programs might
 * decode.
 */
export function needsEncoding(text: string): boolean {
  return NOT_PRINTABLE_ASCII.test(text) || text.includes("=?");
}

/**
 * `text` as RFC 2047 encoded-words (UTF-8, base64, each at most 75 characters) with a space between them, which mail
 * programs drop. A code point is never split between two words. An emoji of several code points, or a letter with its
 * accents, is split only when it fits into no word.
 *
 * Nodemailer's `encodeWords` is not used for two reasons: it splits such emoji, and it does not encode a `=?…?=` in the
 * text.
 */
export function encodeWords(text: string): string {
  const words: string[] = [];
  let word = "";
  let bytes = 0;
  for (const character of charactersOf(text)) {
    const size = Buffer.byteLength(character);
    if (bytes + size > BYTES_PER_WORD && word !== "") {
      words.push(word);
      word = "";
      bytes = 0;
    }
    word += character;
    bytes += size;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join(" ");
}

/** The graphemes of the text; the code points of a grapheme that fits into no encoded-word. */
function* charactersOf(text: string): Generator<string> {
  for (const { segment } of graphemes.segment(text)) {
    if (Buffer.byteLength(segment) <= BYTES_PER_WORD) yield segment;
    else yield* segment;
  }
}

/**
 * Unstructured text (RFC 2047 §5 (1)) for a header. Only the words that need it are encoded, so that programs can read
 * the rest. Neighbouring words are encoded together with their spaces, because mail programs drop a space between two
 * encoded-words.
 */
export function encodeText(text: string): string {
  if (!needsEncoding(text)) return text;
  const pieces: string[] = [];
  let run: string | null = null;
  for (const word of text.split(/(?<= )(?! )/)) {
    if (needsEncoding(word)) {
      run = (run ?? "") + word;
      continue;
    }
    if (run !== null) pieces.push(encodeRun(run));
    run = null;
    pieces.push(word);
  }
  return pieces.join("") + (run === null ? "" : encodeRun(run));
}

/** The spaces after the last word stay outside: they separate it from the next word, which is not encoded. */
function encodeRun(run: string): string {
  const text = run.replace(/ +$/, "");
  return encodeWords(text) + run.slice(text.length);
}

/** The text that a mail program shows for a header from `encodeWords` or `encodeText`. */
export function readWords(header: string): string {
  return header
    .replace(/(\?=) +(?==\?UTF-8\?B\?)/g, "$1")
    .replace(/=\?UTF-8\?B\?([A-Za-z0-9+/]*=*)\?=/g, (_, data: string) => Buffer.from(data, "base64").toString());
}
