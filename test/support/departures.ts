/** When the send calls of real processes leave. A receiver reads a call when it gets to it, which on a busy machine is later. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Watches the processes of one folder that are started with `env`. */
export interface Departures {
  env: Record<string, string>;
  /** When each call left, monotonic ms, in order. A process tells when it ends; one that is killed tells nothing. */
  read(): number[];
}

/** Begins to watch. */
export function watchDepartures(folder: string): Departures {
  const file = join(folder, "departures");
  return {
    env: {
      DEPARTURES_FILE: file,
      NODE_OPTIONS: `--import ${new URL("departures.js", import.meta.url).pathname}`,
    },
    read() {
      const noted = existsSync(file) ? readFileSync(file, "utf8") : "";
      return (noted.match(/.+/g) ?? []).map(Number).sort((a, b) => a - b);
    },
  };
}

/** Now, on the clock of `Departures`. */
export const monotonicNow = (): number => Number(process.hrtime.bigint()) / 1e6;
