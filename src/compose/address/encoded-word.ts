/** Anything outside printable ASCII. */
const NOT_PRINTABLE_ASCII = /[^\x20-\x7e]/;

/** 75 characters (RFC 2047 §2) less `=?UTF-8?B?` and `?=` leave 60 of base64, which hold 45 bytes. */
const BYTES_PER_WORD = 45;

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** True when `text` holds nothing but printable ASCII. */
export function isPrintableAscii(text: string): boolean {
  return !NOT_PRINTABLE_ASCII.test(text);
}

/** True when `text` cannot stand in a header as it is: it is not ASCII, or readers would decode what its author wrote as `=?…?=`. */
export function needsEncoding(text: string): boolean {
  return NOT_PRINTABLE_ASCII.test(text) || text.includes("=?");
}

/**
 * `text` as RFC 2047 encoded-words (UTF-8, base64, each at most 75 characters) with a space between them, which readers
 * drop. What is one character to a reader stays in one word (a code point always, an emoji of many or a letter with its accents where it fits).
 *
 * Nodemailer's `encodeWords` would serve but for two things: it splits such emoji, and it leaves a `=?…?=` in the text alone.
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

/** Graphemes, or the code points of those that no encoded-word holds. */
function* charactersOf(text: string): Generator<string> {
  for (const { segment } of graphemes.segment(text)) {
    if (Buffer.byteLength(segment) <= BYTES_PER_WORD) yield segment;
    else yield* segment;
  }
}

/**
 * Unstructured text (RFC 2047 §5 (1)) for a header: only the words that need it are encoded, so that the rest stays readable
 * for machines. Words that stand together are encoded with the spaces between them: readers drop a space between two encoded-words.
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

/** The spaces behind the last word stay outside: they part it from the next one, which is not encoded. */
function encodeRun(run: string): string {
  const text = run.replace(/ +$/, "");
  return encodeWords(text) + run.slice(text.length);
}

/** What a reader sees of a header that `encodeWords` or `encodeText` wrote. */
export function readWords(header: string): string {
  return header
    .replace(/(\?=) +(?==\?UTF-8\?B\?)/g, "$1")
    .replace(/=\?UTF-8\?B\?([A-Za-z0-9+/]*=*)\?=/g, (_, data: string) => Buffer.from(data, "base64").toString());
}
