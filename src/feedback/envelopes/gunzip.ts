/** Unpacks gzip as a stream. */
import { createGunzip, type Gunzip } from "node:zlib";

/**
 * Bytes to unpack at once. Up to 1,000 times as many may come out, and memory holds them until they are read. When they
 * are damaged, zlib gives nothing of what came before the damage. Smaller pieces would cost speed.
 */
const SLICE_BYTES = 4_096;

/** The input is not readable from here on. What came before was already given. */
export class DamagedInput extends Error {
  override name = "DamagedInput";
}

/** True when the bytes begin as gzip does (RFC 1952 §2.3.1). */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Unpacks gzip, also several members in a row.
 * @throws DamagedInput when the data is cut off, after everything before the cut was given; and when it is damaged,
 * where up to 4 KiB of packed data before the damage are lost, too.
 */
export async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // The engine is never told that the input is over: at a cut that is an error, and the last text before it would be
  // lost.
  const engine = createGunzip();
  const unpacked: Buffer[] = [];
  let failure: Error | null = null;
  engine.on("data", (bytes: Buffer) => unpacked.push(bytes));
  engine.on("error", (error) => (failure = error));
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        await write(engine, chunk.subarray(at, at + SLICE_BYTES));
        yield* unpacked.splice(0);
        if (failure !== null) throw new DamagedInput(`the gzip data is damaged (${(failure as Error).message})`);
      }
    }
    const before = engine.bytesWritten;
    // After a complete member, a zero is padding and is not read. Inside one, it is read as data or refused.
    await write(engine, Buffer.alloc(1));
    if (failure !== null || engine.bytesWritten !== before) throw new DamagedInput("the gzip data is cut off");
  } finally {
    engine.destroy();
  }
}

function write(engine: Gunzip, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    engine.once("error", resolve);
    engine.write(bytes, () => {
      engine.off("error", resolve);
      resolve();
    });
  });
}
