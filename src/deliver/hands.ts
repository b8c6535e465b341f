/** The hands of a process: they make the calls, as many at once as allowed. */
import pLimit from "p-limit";
import { AwayError, InterruptedError } from "../errors.ts";
import type { Call, Flight } from "./flight.ts";
import { BROKEN, type Deliver, type Outcome, STOPPED, UNREAD, WITHHELD } from "./outcome.ts";
import type { Claim, Settlement } from "./source.ts";

/** The outcomes of calls that have left. */
const LEFT: ReadonlySet<Outcome["kind"]> = new Set(["sent", "handed_over", "in_doubt", "throttled"]);

/** What the hands work with. */
export interface HandsOptions {
  deliver: Deliver;
  flight: Flight;
  /** Says what to write about a call that came to this outcome. */
  settle: (claim: Claim, outcome: Outcome) => Settlement;
  /** Called when the next turn should begin without waiting. */
  wake: () => void;
}

/** Makes calls, and puts their answers into the flight. */
export class Hands {
  readonly #options: HandsOptions;
  readonly #limit = pLimit(1);
  #failure: { error: unknown } | null = null;

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  /** Begins the calls, at most `concurrency` at once. A call that has to wait is not made when it is no longer valid. */
  begin(calls: readonly Call[], concurrency: number): void {
    if (this.#limit.concurrency !== concurrency) this.#limit.concurrency = concurrency;
    for (const call of calls) void this.#limit(() => this.#make(call));
  }

  /** Puts messages back whose calls must not begin, because sending has stopped since they were claimed. */
  giveBack(calls: readonly Call[]): void {
    for (const call of calls) this.#end(call, STOPPED);
  }

  /** The first error that a call threw; null: none did. It is a bug, because errors of SES are outcomes. */
  get failure(): { error: unknown } | null {
    return this.#failure;
  }

  async #make(call: Call): Promise<void> {
    const { deliver, flight, wake } = this.#options;
    const { claim, isValid } = call;
    const onDeparted = () => flight.depart(call);
    try {
      this.#end(call, isValid() ? await deliver(claim, onDeparted, isValid) : WITHHELD);
    } catch (error) {
      const isUnread = error instanceof AwayError || error instanceof InterruptedError;
      if (isUnread && call.leftAt === null) return this.#unread(call);
      this.#failure ??= { error };
      this.#end(call, call.leftAt === null ? BROKEN : { kind: "in_doubt", reason: "ses-mail failed during the call" });
    }
    wake();
  }

  /** The next turn notices by itself that the store is away. */
  #unread(call: Call): void {
    this.#end(call, UNREAD);
    this.#options.wake();
  }

  #end(call: Call, outcome: Outcome): void {
    const { flight, settle } = this.#options;
    // To be safe, an answer counts as one to a call that left now.
    if (LEFT.has(outcome.kind)) flight.depart(call);
    else flight.giveUp(call);
    // False after a second signal: the message is in doubt already.
    if (!flight.land(call)) return;
    if (outcome.kind === "throttled") flight.throttled(call);
    flight.answer(settle(call.claim, outcome));
  }
}
