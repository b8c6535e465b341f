import pLimit from "p-limit";
import type { Call, Flight } from "./flight.ts";
import { type Deliver, type Outcome, WITHHELD } from "./outcome.ts";
import type { Claim, Settlement } from "./source.ts";

export interface HandsOptions {
  deliver: Deliver;
  flight: Flight;
  /** What is to be written of a call that came to this outcome. */
  settle: (claim: Claim, outcome: Outcome) => Settlement;
  /** Something happened that the next turn should not wait for. */
  wake: () => void;
}

/** Makes the calls, and keeps their answers in the flight. */
export class Hands {
  readonly #options: HandsOptions;
  readonly #limit = pLimit(1);
  #failure: { error: unknown } | null = null;

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  /** Begins the calls, no more than `concurrency` at once. A call that has to wait for its turn, and is no longer valid then, is not made. */
  begin(calls: readonly Call[], concurrency: number): void {
    if (this.#limit.concurrency !== concurrency) this.#limit.concurrency = concurrency;
    for (const call of calls) void this.#limit(() => this.#make(call));
  }

  /** @throws what a call threw, which is a bug: SES's own errors are outcomes. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  async #make(call: Call): Promise<void> {
    const { deliver, flight, settle, wake } = this.#options;
    const { claim, isValid } = call;
    const onDeparted = () => {
      if (flight.depart(call)) wake();
    };
    try {
      const outcome = isValid() ? await deliver(claim, onDeparted, isValid) : WITHHELD;
      // A call that never left (no credentials, cannot be rendered) takes nothing from the rate, but is counted all the same.
      onDeparted();
      // Abandoned after a second signal: it is in doubt already.
      if (flight.land(call)) {
        if (outcome.kind === "throttled") flight.throttled(call);
        flight.answer(settle(claim, outcome));
      }
    } catch (error) {
      this.#failure ??= { error };
    }
    wake();
  }
}
