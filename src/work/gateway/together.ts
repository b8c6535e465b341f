/** Runs what sends and what takes mail in side by side. */
import type { Inlets } from "./inlets.ts";

/** Ends with `signal`, or earlier. */
export function stopWith(signal: AbortSignal): AbortController {
  const stop = new AbortController();
  const end = () => stop.abort(signal.reason);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return stop;
}

/**
 * Runs both until `stop` aborts, waits for both, and has told what became of mail. When one fails the other is ended, and this rejects
 * with the error of the first that failed.
 */
export async function runTogether(
  sending: Promise<unknown>,
  inlets: Pick<Inlets, "run" | "end">,
  stop: AbortController,
): Promise<void> {
  const failures: unknown[] = [];
  const ended = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => {
        failures.push(error);
        stop.abort();
      },
    );
  await Promise.all([ended(sending), ended(inlets.run())]);
  await inlets.end();
  if (failures.length > 0) throw failures[0];
}
