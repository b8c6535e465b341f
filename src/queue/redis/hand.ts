/** What a worker was given and has not let go: by acknowledging it, refusing it or giving it back. */

interface Held {
  /** How often anybody was given it, this time included. */
  deliveries: number;
  /** When its loan runs out (`performance.now()`). */
  endsAt: number;
}

/** The entries in the hand of this process. */
export class Hand {
  readonly #held = new Map<string, Held>();
  readonly #loanMs: number;
  #onChange: () => void = () => undefined;

  /** `loanMs`: after so long others may have an entry, so nobody has to wait for it any more. */
  constructor(loanMs: number) {
    this.#loanMs = loanMs;
  }

  take(id: string, deliveries: number): void {
    this.#held.set(id, { deliveries, endsAt: performance.now() + this.#loanMs });
  }

  letGo(id: string): void {
    if (this.#held.delete(id)) this.#onChange();
  }

  /** Nobody waits for it any more. We still have it. */
  endLoan(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    held.endsAt = 0;
    this.#onChange();
  }

  /** How often anybody was given it; 1 when we do not have it. */
  deliveriesOf(id: string): number {
    return this.#held.get(id)?.deliveries ?? 1;
  }

  /** Lets all go. Returns them. */
  empty(): (readonly [id: string, deliveries: number])[] {
    const all = [...this.#held].map(([id, { deliveries }]) => [id, deliveries] as const);
    this.#held.clear();
    this.#onChange();
    return all;
  }

  /** Waits up to `waitMs` until nothing is on loan, or until the signal aborts. Resolves to whether nothing is. One may wait at a time. */
  async isEmptied(waitMs: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + waitMs;
    for (;;) {
      const now = performance.now();
      let freeAt = 0;
      for (const { endsAt } of this.#held.values()) freeAt = Math.max(freeAt, endsAt);
      if (freeAt <= now) return true;
      if (signal.aborted || now >= until) return false;
      await this.#change(Math.min(freeAt, until) - now, signal);
    }
  }

  #change(mostMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#onChange = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, Math.ceil(mostMs));
      signal.addEventListener("abort", end, { once: true });
      this.#onChange = end;
    });
  }
}
