import type { Clock } from "./clock.ts";

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Everything the program touches of its surroundings; `bin/` fills it from `process`, tests bring their own. */
export interface Io {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: Output;
  stderr: Output;
  env: Record<string, string | undefined>;
  cwd: string;
  /** Aborts at the first SIGINT or SIGTERM. `reason` is the signal's name. */
  signal: AbortSignal;
  /** Aborts at the second one: leave at once, even with calls in flight. */
  hardSignal: AbortSignal;
  clock: Clock;
}
