/** Waits for something to change. */
export class Waiting {
  readonly #callbacks = new Set<() => void>();

  /** All who wait look again. */
  wake(): void {
    for (const callback of this.#callbacks) callback();
  }

  /** Resolves at the next `wake`, after `ms` (null: never), or when `signal` aborts. Who waits has to look again. */
  wait(ms: number | null, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        this.#callbacks.delete(end);
        resolve();
      };
      const timer = ms === null ? undefined : setTimeout(end, Math.max(ms, 0));
      this.#callbacks.add(end);
      signal?.addEventListener("abort", end);
      if (signal?.aborted) end();
    });
  }
}
