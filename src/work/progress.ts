/** Progress of work that counts things and cannot fail one by one. */
import type { Context } from "./context.ts";

/** A count that is shown on stderr while it grows. */
export interface Counter {
  /** `done` is how many there are so far; the rate shown is the mean since the start. */
  update(done: number): void;
  /** To be called also when the work throws. */
  stop(): void;
}

/** Shows how many were `label` ("checked", "read") so far, and how many that is a second. */
export function countProgress({ io, terminal }: Pick<Context, "io" | "terminal">, label: string): Counter {
  const progress = terminal.progress(null, label);
  const started = io.clock.monotonic();
  return {
    update: (done) => progress.update({ done, perSecond: (done * 1000) / Math.max(1, io.clock.monotonic() - started) }),
    stop: () => progress.stop(),
  };
}
