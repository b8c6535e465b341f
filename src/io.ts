/** The program's connection to the process around it. */
import type { Clock } from "./time/clock.ts";
import { localTime } from "./time/local.ts";

/** A stream to write to. A terminal sets `isTTY`, and `columns` is its width. */
type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** The streams, environment, signals and clock of the program. `bin/` fills it from `process`; tests bring their own. */
export interface Io {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  env: Record<string, string | undefined>;
  /** Where relative paths start; absolute. */
  cwd: string;
  /** Aborts at the first SIGINT or SIGTERM. `reason` is the signal's name. */
  signal: AbortSignal;
  /** Aborts at the second signal: leave at once, even with calls in flight. */
  hardSignal: AbortSignal;
  clock: Clock;
}

/**
 * What a line on this stream begins with, so that people can tell when it was written: the local time and a space for a file or a
 * pipe, nothing on a terminal.
 */
export function stamp({ clock }: Pick<Io, "clock">, stream: Output): string {
  return stream.isTTY === true ? "" : `${localTime(clock.now())} `;
}
