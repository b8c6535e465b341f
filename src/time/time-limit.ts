/** Time limits for talking to others, which do not blame them for the time in which this process itself was away. */

/** A timer that fires this much too late says that the process stood still: it was stopped, or the machine was too busy. */
const LATE_MS = 100;
/** What came in meanwhile waits in the sockets. This is the time to read it before anything counts as lost. */
const GRACE_MS = 1_000;

/**
 * Calls `expire` once, after `ms`. When the process stood still meanwhile, it gets up to a second more, in which answers that have
 * arrived are read. Returns a function that calls it off.
 */
export function startLimit(ms: number, expire: () => void): () => void {
  const begin = (waitMs: number): NodeJS.Timeout => {
    const dueAt = performance.now() + waitMs;
    return setTimeout(() => {
      if (performance.now() - dueAt > LATE_MS) timer = begin(Math.min(GRACE_MS, ms));
      else expire();
    }, waitMs);
  };
  let timer = begin(ms);
  return () => clearTimeout(timer);
}

/** The time was over before the work was. */
export class TimeLimitError extends Error {
  override name = "TimeLimitError";
}

/** The time that a piece of work has. It does what an AbortSignal does for one listener, in a tenth of the time. */
export class Deadline {
  readonly #cancel: () => void;
  #error: TimeLimitError | null = null;
  #listener: ((error: TimeLimitError) => void) | null = null;

  /** Begins now. `expire` is called when the time is over, unless `end` is called before. */
  constructor(ms: number, expire: (error: TimeLimitError) => void) {
    this.#cancel = startLimit(ms, () => {
      const error = new TimeLimitError(`nothing came to an end within ${ms} ms`);
      this.#error = error;
      expire(error);
      this.#listener?.(error);
    });
  }

  /** @throws TimeLimitError when the time is over. */
  throwIfOver(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** `listener` is called when the time is over, in place of the one before; never when it is over already. */
  watch(listener: (error: TimeLimitError) => void): void {
    this.#listener = listener;
  }

  /** The work has come to its end. */
  end(): void {
    this.#cancel();
    this.#listener = null;
  }
}

/**
 * Runs `work` for no longer than `ms`. Then this rejects at once, even when `work` takes no notice of its deadline.
 * @throws TimeLimitError when the time is over.
 */
export function withinTime<T>(ms: number, work: (deadline: Deadline) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = new Deadline(ms, reject);
    const ended = (settle: () => void) => {
      deadline.end();
      settle();
    };
    work(deadline).then(
      (value) => ended(() => resolve(value)),
      (error: Error) => ended(() => reject(error)),
    );
  });
}

/** What may end a piece of work early. */
export interface Limits {
  /** Milliseconds for all of it. */
  ms: number;
  /** Ends it at once. */
  signal?: AbortSignal;
}

/**
 * Runs `work` for no longer than its limits. The signal that `work` gets aborts at the end of the time, and together with
 * `limits.signal`; then this rejects at once, even when `work` takes no notice.
 * @throws TimeLimitError when the time is over, and the reason of `limits.signal` when that aborts.
 */
export async function withinLimit<T>({ ms, signal }: Limits, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let giveUp: (error: unknown) => void = () => undefined;
  const over = new Promise<never>((_, reject) => (giveUp = reject));
  const end = (error: unknown) => {
    giveUp(error);
    controller.abort(error);
  };
  const cancel = startLimit(ms, () => end(new TimeLimitError(`nothing came to an end within ${ms} ms`)));
  const onAbort = () => end(signal?.reason ?? new Error("aborted"));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await Promise.race([work(controller.signal), over]);
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
    over.catch(() => undefined);
  }
}
