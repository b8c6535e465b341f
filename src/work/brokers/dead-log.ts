/** Tells of dead letters, one line each, as long as there are not too many of them. */
import type { FastifyBaseLogger } from "fastify";
import { printable, shortened } from "../../printable.ts";
import type { NewDeadLetter } from "../../store/rows.ts";
import type { Clock } from "../../time/clock.ts";

/** A producer with a bug makes thousands in a second. So many are told in a minute, the others at debug level. */
const MOST = 20;
const MINUTE_MS = 60_000;
/** Who adds to a set of Redis may name a job with megabytes, which would fill the log. */
const MOST_ORIGIN = 100;

/** Makes a function that writes a line for each dead letter, and says once in a minute that there are more. */
export function createDeadLog(
  log: Pick<FastifyBaseLogger, "warn" | "debug">,
  clock: Pick<Clock, "monotonic">,
): (letter: Pick<NewDeadLetter, "source" | "origin" | "reason">) => void {
  let startedAt = -Infinity;
  let count = 0;
  return ({ source, origin, reason }) => {
    const now = clock.monotonic();
    if (now - startedAt >= MINUTE_MS) [startedAt, count] = [now, 0];
    count++;
    const line = `dead letter from ${source} ${printable(shortened(origin, MOST_ORIGIN))}: ${reason}`;
    if (count > MOST) return log.debug(line);
    log.warn(line);
    if (count === MOST) log.warn("more dead letters of this minute are not told here: ses-mail dead lists them");
  };
}
