import type { Clock } from "../../src/time/clock.ts";

interface Sleeper {
  at: number;
  wake: () => void;
}

/** Time that jumps to the next sleeper as soon as nothing else is left to do: minutes pass in milliseconds. */
export class VirtualClock implements Clock {
  #ms = 0;
  readonly #start = Date.UTC(2026, 9, 1);
  #sleepers: Sleeper[] = [];
  readonly #ahead = { wall: 0, monotonic: 0 };

  now(): number {
    return Math.floor(this.#start + this.#ms + this.#ahead.wall);
  }

  monotonic(): number {
    return 1_000 + this.#ms + this.#ahead.monotonic;
  }

  /** The process stood still: nobody who sleeps is any nearer to waking, but the clocks have moved, both or one of them. */
  jump({ wall = 0, monotonic = 0 }: { wall?: number; monotonic?: number }): void {
    this.#ahead.wall += wall;
    this.#ahead.monotonic += monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { at: this.#ms + Math.max(0, ms), wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  /** Lets time pass until `work` ends. Rejects when it waits for something that time does not bring. */
  async play<T>(work: Promise<T>): Promise<T> {
    const state = { ended: false };
    const settled = work.finally(() => (state.ended = true));
    settled.catch(() => undefined);
    for (let idle = 0; !state.ended && idle < 100; idle++) {
      // Promises, and the setImmediate by which the loop gives way.
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
      const next = this.#sleepers.reduce<Sleeper | null>((a, b) => (a === null || b.at < a.at ? b : a), null);
      if (state.ended || next === null) continue;
      idle = 0;
      this.#ms = Math.max(this.#ms, next.at);
      next.wake();
    }
    if (!state.ended) throw new Error("nothing is due and the work has not ended");
    return settled;
  }
}
