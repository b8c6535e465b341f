import type { Clock } from "../../src/time/clock.ts";

/** Time that (all but) stands still until a test moves it; sleeping moves it. The wall clock can be set apart from the other one. */
export class ManualClock implements Clock {
  #wall = Date.UTC(2026, 9, 1);
  #monotonic = 1_000_000;

  now(): number {
    return this.#wall;
  }

  /** Looking at it takes a moment, as it does in life: so little that thousands of looks are no millisecond. */
  monotonic(): number {
    return (this.#monotonic += 0.00001);
  }

  async sleep(ms: number): Promise<void> {
    this.pass(ms);
  }

  pass(ms: number): void {
    this.#wall += Math.round(ms);
    this.#monotonic += ms;
  }

  /** Somebody sets the clock, or the machine slept: the monotonic clock does not notice. */
  setForward(ms: number): void {
    this.#wall += ms;
  }
}
