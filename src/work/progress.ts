/** Progress of work that only counts: nothing in it fails by itself. */
import type { Context } from "./context.ts";

/** A count that is shown on stderr while it grows. */
export interface Counter {
  /** `done`: how many so far. The rate shown is the mean since the start. */
  update(done: number): void;
  /** Must be called, also when the work throws. */
  stop(): void;
}

/** Shows how many were `label` ("checked", "read") so far, and how many per second. */
export function countProgress({ io, terminal }: Pick<Context, "io" | "terminal">, label: string): Counter {
  const progress = terminal.progress(null, label);
  const started = io.clock.monotonic();
  return {
    update: (done) => progress.update({ done, perSecond: (done * 1000) / Math.max(1, io.clock.monotonic() - started) }),
    stop: () => progress.stop(),
  };
}
