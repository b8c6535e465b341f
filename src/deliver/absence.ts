/** A source that is away: since when, and what people are told. */
import type { Clock } from "../time/clock.ts";

/** An absence is told after so long. A server that restarts quickly is nobody's concern. */
const TELL_AFTER_MS = 2_000;

/** Notes when a source goes away and when it is back. */
export class Absence {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #name: string;
  #since: number | null = null;

  /** `name`: what people call the source. */
  constructor(clock: Pick<Clock, "monotonic">, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** The source did not answer what it was asked at `since` (monotonic ms). Only the first call of an absence counts. */
  begin(since: number): void {
    this.#since ??= since;
  }

  /** The source has answered. */
  end(): void {
    this.#since = null;
  }

  /** For how long the source has been away, ms; null: it is not. */
  ms(): number | null {
    return this.#since === null ? null : this.#clock.monotonic() - this.#since;
  }

  /** What people are told while `answers` answers of SES wait to be written; null: there is nothing to tell (yet). */
  text(answers: number): string | null {
    const ms = this.ms();
    if (ms === null || ms < TELL_AFTER_MS) return null;
    const kept = answers === 0 ? "" : `, ${answers === 1 ? "1 answer is" : `${answers} answers are`} kept`;
    return `waiting for ${this.#name} (${Math.round(ms / 1000)} s; no new mail leaves${kept})`;
  }
}
