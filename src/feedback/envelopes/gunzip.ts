import { createGunzip, type Gunzip } from "node:zlib";

/**
 * Bytes put in at once: 1,000 times as many may come out, and they are held until they are read; and when they are damaged,
 * zlib gives out nothing of what stood before the damage. Smaller pieces would cost speed.
 */
const SLICE_BYTES = 4_096;

/** The input is no readable text. What came before was given out already. */
export class DamagedInput extends Error {
  override name = "DamagedInput";
}

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Unpacks gzip, also several members one behind the other. Throws `DamagedInput` when the data is cut off, after everything
 * before the cut was given out, or damaged, where up to 4 KiB of packed data before the damage are lost with it.
 */
export async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  // Never told that the input is over: at a cut that is an error, and the last text before it would be lost to it.
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
    // Behind a complete member a zero is padding and stays untouched; inside one it is eaten, or refused, as data.
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
