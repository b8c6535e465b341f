/** Runs what sends and what takes mail in side by side. */
import type { Inlets } from "../brokers/inlets.ts";

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
 * with the error of the first that failed. After `hardSignal` it waits for what sends only.
 */
export async function runTogether(
  sending: Promise<unknown>,
  inlets: Pick<Inlets, "run" | "end">,
  { stop, hardSignal }: { stop: AbortController; hardSignal: AbortSignal },
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
  await Promise.all([ended(sending), unlessAborted(hardSignal, ended(inlets.run()))]);
  await unlessAborted(hardSignal, inlets.end());
  if (failures.length > 0) throw failures[0];
}

/** Waits for the work, which never rejects, or no longer than until the signal. */
async function unlessAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let leave: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => (leave = resolve));
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", leave);
}
