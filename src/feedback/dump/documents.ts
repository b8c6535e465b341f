import { DocumentSplitter, type Document, type Malformed } from "./document-splitter.ts";
import { DamagedInput } from "../envelopes/gunzip.ts";
import { textBytes } from "./text-bytes.ts";

/**
 * The records of an event dump, in order, whatever its layout (see `DocumentSplitter`): gzip (also several members, also
 * cut off), UTF-8 or UTF-16, with BOM, CRLF or blank lines. A record that cannot be read comes as `malformed` in its place
 * and stops nothing; errors of `input` itself are passed on. Memory does not grow with the input. Some hundred come at a time: to
 * wait for each of a million records by itself takes seconds.
 */
export async function* readPieces(input: AsyncIterable<Buffer>): AsyncGenerator<Document[]> {
  const splitter = new DocumentSplitter();
  let damage: DamagedInput | null = null;
  try {
    for await (const bytes of textBytes(input)) yield splitter.push(bytes);
  } catch (error) {
    if (!(error instanceof DamagedInput)) throw error;
    damage = error;
  }
  const rest = splitter.end();
  yield damage === null ? rest : withDamage(rest, damage.message, splitter.position());
}

/** The record that was cut by the damage is told with it; when none was, the damage is a record of its own. */
function withDamage(rest: Document[], reason: string, end: Pick<Malformed, "line" | "offset">): Document[] {
  const cut = rest.findLast((document) => "malformed" in document);
  if (cut === undefined) return [...rest, { malformed: reason, text: "", ...end }];
  return rest.map((document) => (document === cut ? { ...cut, malformed: reason } : document));
}
