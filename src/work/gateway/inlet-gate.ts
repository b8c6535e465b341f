/** When inlets may take mail in: while the store answers, and while not too much of it waits to be sent. */
import type { Topics } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { counted } from "../../counted.ts";

/** The store is asked no more often than this, by all inlets together. */
const LOOK_MS = 500;
/** That there is no room is told again after so long, if it still lasts or comes again. */
const TELL_MS = 180_000;

/** What all inlets of a process ask before they receive. */
export interface Gate {
  /**
   * Resolves to how many messages may be received now (1 or more), and waits for that as long as it takes. 0: `signal` aborted. The
   * store is not asked each time, so others may exceed the limit by what they take in within half a second.
   */
  room(signal: AbortSignal): Promise<number>;
  /** So many messages came in since. */
  took(count: number): void;
}

/** What a gate works with. */
export interface GateParts {
  store: Pick<Topics, "totals">;
  clock: Pick<Clock, "monotonic" | "sleep">;
  /** Nothing is received while so many messages, or more, are pending. */
  maxPending: number;
  tell: (text: string) => void;
}

/** Creates the gate of a process. A store that cannot be asked has no room. */
export function createGate(parts: GateParts): Gate {
  return new StoreGate(parts);
}

class StoreGate implements Gate {
  readonly #parts: GateParts;
  #lookedAt = -Infinity;
  #looking: Promise<void> | null = null;
  /** Null: the store could not be asked. */
  #pending: number | null = null;
  #toldAt = -Infinity;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  async room(signal: AbortSignal): Promise<number> {
    const { clock, maxPending } = this.#parts;
    while (!signal.aborted) {
      if (clock.monotonic() - this.#lookedAt >= LOOK_MS) await (this.#looking ??= this.#look());
      if (this.#pending !== null && this.#pending < maxPending) return maxPending - this.#pending;
      this.#tellFull();
      await clock.sleep(LOOK_MS, signal);
    }
    return 0;
  }

  took(count: number): void {
    if (this.#pending !== null) this.#pending += count;
  }

  /** That the store is away is for others to tell, and the next look says more of any other trouble. */
  async #look(): Promise<void> {
    const { store, clock } = this.#parts;
    this.#pending = await store.totals(null).then(
      ({ pending }) => pending,
      () => null,
    );
    this.#lookedAt = clock.monotonic();
    this.#looking = null;
  }

  #tellFull(): void {
    const { clock, maxPending, tell } = this.#parts;
    if (this.#pending === null || clock.monotonic() - this.#toldAt < TELL_MS) return;
    this.#toldAt = clock.monotonic();
    tell(
      `${counted(this.#pending, "message is", "messages are")} pending: brokers keep theirs until there are fewer than ${maxPending} (--inlet-max-pending)`,
    );
  }
}
