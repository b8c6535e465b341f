import { DocumentSplitter, type DumpDocument, type Malformed } from "./document-splitter.ts";
import { DamagedInput } from "../envelopes/gunzip.ts";
import { textBytes } from "./text-bytes.ts";

/**
 * Reads the records of an event dump, in order and in any layout (see `DocumentSplitter`): gzip (also several members,
 * also cut off), UTF-8 or UTF-16, with BOM, CRLF or blank lines. A record that cannot be read comes as `malformed` in
 * its place and stops nothing. Errors of `input` itself are thrown. Memory does not grow with the input. Some hundred
 * records come at a time, because to wait for each of a million records takes seconds. `splitter` is a new one.
 */
export async function* readPieces(
  input: AsyncIterable<Buffer>,
  splitter = new DocumentSplitter(),
): AsyncGenerator<DumpDocument[]> {
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

/** Reports the damage with the record it cut; as a record of its own when it cut none. */
function withDamage(rest: DumpDocument[], reason: string, end: Pick<Malformed, "line" | "offset">): DumpDocument[] {
  const cut = rest.findLast((document) => "malformed" in document);
  if (cut === undefined) return [...rest, { malformed: reason, text: "", ...end }];
  return rest.map((document) => (document === cut ? { ...cut, malformed: reason } : document));
}
