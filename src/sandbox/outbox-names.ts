/** File names for what people named: any topic and any address, on any file system. */
import { createHash } from "node:crypto";

/** File systems take 255 bytes. The rest is for a number, an ending, and the dot and ending of a file that is being written. */
const MOST_BYTES = 200;

/** Names that Windows keeps for devices, with every ending. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
/** What some file system refuses in a name, or a shell or a URL reads as something else, and `%` itself. */
// oxlint-disable-next-line no-control-regex
const REFUSED = /[\x00-\x20\x7f-\x9f<>:"/\\|?*%#&'`$;!{}()[\]^~\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
/** Blanks and quotes are common in topics and harmless inside a name. */
const KEPT = new Set([" ", "'", "&", "(", ")", "!", "~"]);

/**
 * A file name of at most 200 bytes that is the same for the same text and different for different texts. Letters, digits and
 * common punctuation stay; everything else is written as in a URL. It is no name of a device or of a hidden file, and leads
 * nowhere.
 */
export function fileNameOf(text: string): string {
  const plain = text.normalize("NFC").replaceAll(REFUSED, (each) => (KEPT.has(each) ? each : encoded(each)));
  const safe = plain
    .replace(/^[. ~-]/, encoded)
    .replace(/[. ]$/, encoded)
    .replace(/^index\.html$/i, (name) => encoded(name.charAt(0)) + name.slice(1));
  const name = DEVICE.test(safe) ? encoded(safe.charAt(0)) + safe.slice(1) : safe;
  return name === "" ? "%" : shortened(name, text);
}

function encoded(text: string): string {
  return [...Buffer.from(text, "utf8")].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** A name that is too long keeps its beginning, and gets a hash instead of the rest. */
function shortened(name: string, text: string): string {
  if (Buffer.byteLength(name) <= MOST_BYTES) return name;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  let kept = "";
  for (const character of name) {
    if (Buffer.byteLength(kept + character) > MOST_BYTES - hash.length - 1) break;
    kept += character;
  }
  return `${kept.replace(/%[0-9A-F]?$/, "")}~${hash}`;
}
