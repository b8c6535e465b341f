/** Turns the bytes of a dump into UTF-8 text. */
import { DamagedInput, gunzip, isGzip } from "../envelopes/gunzip.ts";

/** The bytes needed to know the format of an input. */
const HEAD_BYTES = 16;
/** A gzip file inside a gzip file happens (an object stored packed and served packed). More layers are a bomb. */
const MAX_GZIP_LAYERS = 3;

/** Formats found beside event dumps that are not text. One report is better than one for each "line" of such a file. */
const NOT_TEXT: { magic: string; is: string }[] = [
  { magic: "50415231", is: "a Parquet file" },
  { magic: "504b0304", is: "a zip file" },
  { magic: "28b52ffd", is: "a Zstandard file" },
  { magic: "425a68", is: "a bzip2 file" },
  { magic: "fd377a585a00", is: "an xz file" },
  { magic: "ff060000734e61507059", is: "a Snappy file" },
  { magic: "53514c69746520666f726d6174203300", is: "an SQLite file" },
  { magic: "4f626a01", is: "an Avro file" },
  { magic: "89504e47", is: "a picture" },
  { magic: "25504446", is: "a PDF" },
];

/**
 * Gives an input as UTF-8 text. It unpacks gzip and converts UTF-16, and knows both by their first bytes. A BOM stays.
 * @throws DamagedInput for a known format that is not text, and for gzip data at the point where it is damaged or cut
 * off.
 */
export async function* textBytes(input: AsyncIterable<Buffer>, layers = MAX_GZIP_LAYERS): AsyncGenerator<Buffer> {
  const chunks = input[Symbol.asyncIterator]();
  try {
    const start = await readHead(chunks);
    const whole = rejoined(start, chunks);
    const head = start.subarray(0, HEAD_BYTES);
    if (isGzip(head)) {
      if (layers === 0) throw new DamagedInput(`gzip inside gzip, more than ${MAX_GZIP_LAYERS} times`);
      yield* textBytes(gunzip(whole), layers - 1);
      return;
    }
    const hex = head.toString("hex");
    const known = NOT_TEXT.find(({ magic }) => hex.startsWith(magic));
    if (known) throw new DamagedInput(`${known.is}: event dumps are read as text or gzip`);
    const wide = utf16Label(head);
    yield* wide === null ? whole : fromUtf16(whole, wide);
  } finally {
    await chunks.return?.();
  }
}

async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  return head;
}

async function* rejoined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** Known by its BOM, or by the NUL beside each of the first two characters, which are ASCII in JSON and in logs. */
function utf16Label(head: Buffer): "utf-16le" | "utf-16be" | null {
  const [first = 0, second = 0, third = 0, fourth = 0] = head;
  const isAscii = (byte: number) => byte > 0 && byte < 0x7f;
  if ((first === 0xff && second === 0xfe) || (isAscii(first) && second === 0 && isAscii(third) && fourth === 0)) {
    return "utf-16le";
  }
  const isBigEndian = first === 0 && isAscii(second) && third === 0 && isAscii(fourth);
  return (first === 0xfe && second === 0xff) || isBigEndian ? "utf-16be" : null;
}

async function* fromUtf16(input: AsyncIterable<Buffer>, label: "utf-16le" | "utf-16be"): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(label);
  for await (const bytes of input) yield Buffer.from(decoder.decode(bytes, { stream: true }));
  yield Buffer.from(decoder.decode());
}
