import { createReadStream } from "node:fs";
import { addAbortSignal, Readable } from "node:stream";
import { pathFrom } from "./read-file.ts";
import type { Clock } from "./time/clock.ts";

/** What is written to; a terminal says so, and how wide it is. */
type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Everything the program touches of its surroundings; `bin/` fills it from `process`, tests bring their own. */
export interface Io {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  env: Record<string, string | undefined>;
  /** Where relative paths start; absolute. */
  cwd: string;
  /** Aborts at the first SIGINT or SIGTERM. `reason` is the signal's name. */
  signal: AbortSignal;
  /** Aborts at the second one: leave at once, even with calls in flight. */
  hardSignal: AbortSignal;
  clock: Clock;
}

/**
 * The bytes of a file (a relative path starts at `cwd`), or of stdin for `-`, until the first signal: reading on then throws `AbortError`, also when a pipe
 * has nothing more to give.
 */
export function openInput({ stdin, signal, cwd }: Io, file: string): Readable {
  // What wraps stdin could not be ended while it waits for more; stdin itself can.
  if (file === "-") return Readable.from(addAbortSignal(signal, stdin as Readable));
  return addAbortSignal(signal, createReadStream(pathFrom(cwd, file), { highWaterMark: 262_144 }));
}
