/** Opens the files that a command reads. */
import { createReadStream } from "node:fs";
import { addAbortSignal, Readable } from "node:stream";
import type { Io } from "../io.ts";
import { pathFrom } from "../read-file.ts";

/**
 * The bytes of a file (a relative path starts at `cwd`), or of stdin for `-`. The first signal ends the stream with an
 * `AbortError`, even while a pipe has nothing to give. Errors of the file system come from the stream, not from this
 * call.
 */
export function openInput({ stdin, signal, cwd }: Io, file: string): Readable {
  // The signal must end stdin itself: a wrapper around it cannot be ended while it waits for more.
  if (file === "-") return Readable.from(addAbortSignal(signal, stdin as Readable));
  // In pieces of 64 KiB, the default. The texts of larger ones are garbage that V8 collects late: 20 MB for a long list.
  return addAbortSignal(signal, createReadStream(pathFrom(cwd, file)));
}
