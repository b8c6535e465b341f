/** Failures of what is done again and again. */
import type { FastifyBaseLogger } from "fastify";
import { AwayError, InterruptedError, StoppedError } from "../errors.ts";

/** A failure that lasts is logged again after so long. */
const REPEAT_MS = 180_000;

/**
 * Makes a function that logs failures with `text`. One whose reason may last, such as a full disk, is logged every few minutes
 * only. That the store is away is for the send loop to say, and that a signal ended a wait is no failure: both are logged at debug level.
 */
export function createFailureLog(
  log: Pick<FastifyBaseLogger, "warn" | "debug">,
  text: string,
): (error: unknown) => void {
  let told = { message: "", at: -Infinity };
  return (error) => {
    if (error instanceof AwayError || error instanceof InterruptedError) return log.debug({ err: error }, text);
    if (error instanceof StoppedError) {
      const now = performance.now();
      if (error.message === told.message && now - told.at < REPEAT_MS) return;
      told = { message: error.message, at: now };
    }
    log.warn({ err: error }, text);
  };
}
