/** Time limits for talking to others, which do not blame them for the time in which this process itself was away. */

/** A timer that fires this much too late says that the process stood still: it was stopped, or the machine was too busy. */
const LATE_MS = 100;
/** What came in meanwhile waits in the sockets. This is the time to read it before anything counts as lost. */
const GRACE_MS = 1_000;

/** A time that runs. When the process stood still meanwhile, there is up to a second more, in which answers that have arrived are read. */
class Limit {
  readonly #ms: number;
  readonly #expire: () => void;
  #dueAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Begins now. `expire` is called once, after `ms`. */
  constructor(ms: number, expire: () => void) {
    this.#ms = ms;
    this.#expire = expire;
    this.#begin(ms);
  }

  /** From now on `expire` is not called any more. */
  callOff(): void {
    clearTimeout(this.#timer);
  }

  #begin(waitMs: number): void {
    this.#dueAt = performance.now() + waitMs;
    this.#timer = setTimeout(() => this.#end(), waitMs);
  }

  #end(): void {
    if (performance.now() - this.#dueAt > LATE_MS) this.#begin(Math.min(GRACE_MS, this.#ms));
    else this.#expire();
  }
}

/**
 * Calls `expire` once, after `ms`. When the process stood still meanwhile, it gets up to a second more, in which answers that have
 * arrived are read. Returns a function that calls it off.
 */
export function startLimit(ms: number, expire: () => void): () => void {
  const limit = new Limit(ms, expire);
  return () => limit.callOff();
}

/** The time was over before the work was. */
export class TimeLimitError extends Error {
  override name = "TimeLimitError";
}

/** The time that a piece of work has. It does what an AbortSignal does for one listener, in a tenth of the time. */
export class Deadline {
  readonly #ms: number;
  readonly #limit: Limit;
  #error: TimeLimitError | null = null;
  #listener: ((error: TimeLimitError) => void) | null = null;
  #giveUp: ((error: TimeLimitError) => void) | null = null;

  /** Begins now. To be ended with `end`. */
  constructor(ms: number) {
    this.#ms = ms;
    this.#limit = new Limit(ms, () => this.#expire());
  }

  /** @throws TimeLimitError when the time is over. */
  throwIfOver(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** `listener` is called when the time is over, in place of the one before; never when it is over already. */
  watch(listener: (error: TimeLimitError) => void): void {
    this.#listener = listener;
  }

  /**
   * What `work` comes to. When the time is over before, this rejects at once with TimeLimitError, even when `work` takes no notice of it. To
   * be called for one work at a time.
   */
  limit<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      if (this.#error !== null) reject(this.#error);
      work.then(resolve, reject);
    });
  }

  /** The work has come to its end. */
  end(): void {
    this.#limit.callOff();
    this.#listener = null;
    this.#giveUp = null;
  }

  #expire(): void {
    const error = new TimeLimitError(`nothing came to an end within ${this.#ms} ms`);
    this.#error = error;
    this.#giveUp?.(error);
    this.#listener?.(error);
  }
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
