import type { DumpDocument } from "../../src/feedback/dump/document-splitter.ts";
import { readPieces } from "../../src/feedback/dump/documents.ts";
import { unwrapAnywhere, type Unwrapped } from "../../src/feedback/envelopes/envelopes.ts";
import type { SesEvent } from "../../src/feedback/ses-event.ts";

/** The input in pieces of a size that cuts records, characters and line ends anywhere. */
export async function* pieces(input: string | Buffer, size = 1_000): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(input as Buffer);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The records of a dump, one at a time. */
export async function* readDocuments(input: AsyncIterable<Buffer>): AsyncGenerator<DumpDocument> {
  for await (const found of readPieces(input)) yield* found;
}

export async function documents(input: string | Buffer, size?: number): Promise<DumpDocument[]> {
  const found: DumpDocument[] = [];
  for await (const document of readDocuments(pieces(input, size))) found.push(document);
  return found;
}

export async function read(input: string | Buffer, size?: number): Promise<Unwrapped[]> {
  const found = await documents(input, size);
  return found.flatMap((document) =>
    "malformed" in document ? { malformed: document.malformed } : unwrapAnywhere(document.value),
  );
}

export function eventsIn(found: readonly Unwrapped[]): SesEvent[] {
  return found.flatMap((item) => ("event" in item ? item.event : []));
}

/** "event", "ignored", "malformed" in order. */
export function kinds(found: readonly Unwrapped[]): string[] {
  return found.map((item) => Object.keys(item)[0] ?? "");
}
