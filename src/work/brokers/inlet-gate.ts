/** When inlets may take mail in: while the store answers, and while not too much of it waits to be sent or for a person to look at it. */
import type { DeadLetters, Topics } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { counted } from "../../counted.ts";
import { LostError, StoppedError } from "../../errors.ts";
import { TELL_MS } from "../../intake/broker/patience.ts";

/** The store is asked no more often than this, by all inlets together. */
const LOOK_MS = 500;
/** How often the dead letters are measured, all of which have to be read for it. */
const MEASURE_MS = 10_000;
/** So many bytes of dead letters are kept: about a million small ones. More would fill the disk, and then no mail leaves. */
const MOST_DEAD_BYTES = 1024 * 1024 * 1024;

/** What all inlets of a process ask before they receive. */
export interface Gate {
  /**
   * Resolves to how many messages may be received now (1 or more), and waits for that as long as it takes. 0: `signal` aborted. The
   * store is not asked each time, so its limits may be exceeded by what comes in within half a second, that of dead letters within ten.
   * Rejects with what waiting does not help against.
   */
  room(signal: AbortSignal): Promise<number>;
  /** So many messages came in since. */
  took(count: number): void;
}

/** What a gate works with. */
export interface GateParts {
  store: Pick<Topics, "totals"> & Pick<DeadLetters, "deadBytes">;
  clock: Pick<Clock, "monotonic" | "sleep">;
  /** Nothing is received while so many messages, or more, are pending. */
  maxPending: number;
  /** True: nothing in this process sends, so nobody else tells that the store is away. */
  tellsAway: boolean;
  tell: (text: string) => void;
}

/** Creates the gate of a process. A store that cannot be asked has no room. */
export function createGate(parts: GateParts): Gate {
  return new StoreGate(parts);
}

class StoreGate implements Gate {
  readonly #parts: GateParts;
  #lookedAt = -Infinity;
  #measuredAt = -Infinity;
  #looking: Promise<void> | null = null;
  #pending = 0;
  #deadBytes = 0;
  /** Why the store could not be asked; null: it was. */
  #trouble: string | null = null;
  #toldAt = -Infinity;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  async room(signal: AbortSignal): Promise<number> {
    const { clock, maxPending } = this.#parts;
    while (!signal.aborted) {
      if (clock.monotonic() - this.#lookedAt >= LOOK_MS) await this.#lookOnce();
      const why = this.#whyNone();
      if (why === null) return maxPending - this.#pending;
      this.#tellSeldom(why);
      await clock.sleep(LOOK_MS, signal);
    }
    return 0;
  }

  took(count: number): void {
    this.#pending += count;
  }

  /** Those who ask meanwhile share the look. */
  async #lookOnce(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#parts;
    try {
      this.#pending = (await store.totals(null)).pending;
      if (clock.monotonic() - this.#measuredAt >= MEASURE_MS) await this.#measure();
      this.#trouble = null;
    } catch (error) {
      if (!(error instanceof StoppedError) || error instanceof LostError) throw error;
      this.#trouble = error.message;
    } finally {
      this.#lookedAt = clock.monotonic();
    }
  }

  async #measure(): Promise<void> {
    const { store, clock } = this.#parts;
    this.#deadBytes = await store.deadBytes();
    this.#measuredAt = clock.monotonic();
  }

  /** Null: there is room. */
  #whyNone(): string | null {
    const { maxPending } = this.#parts;
    if (this.#trouble !== null) return `${this.#trouble}: brokers keep theirs until the store answers`;
    if (this.#pending >= maxPending)
      return `${counted(this.#pending, "message is", "messages are")} pending: brokers keep theirs until there are fewer than ${maxPending} (--inlet-max-pending)`;
    if (this.#deadBytes >= MOST_DEAD_BYTES)
      return "dead letters take 1 GB: brokers keep theirs until some are dropped (ses-mail dead list, ses-mail dead drop)";
    return null;
  }

  #tellSeldom(why: string): void {
    const { clock, tell, tellsAway } = this.#parts;
    if (this.#trouble !== null && !tellsAway) return;
    if (clock.monotonic() - this.#toldAt < TELL_MS) return;
    this.#toldAt = clock.monotonic();
    tell(why);
  }
}
