/** The hands of a process: they make the calls, as many at once as allowed. */
import { AwayError, InterruptedError } from "../errors.ts";
import type { Call, Flight } from "./flight.ts";
import { BROKEN, type Deliver, type Outcome, STOPPED, UNREAD, WITHHELD } from "./outcome.ts";
import type { Claim, Settlement } from "./source.ts";

/**
 * So many calls begin in one step of the event loop. Between two steps their requests are written and answers are read, so that memory, and
 * the caches of the processor, hold the mails of one portion and not those of a whole turn.
 */
const PORTION = 32;

/** The outcomes of calls that have left. */
const LEFT: ReadonlySet<Outcome["kind"]> = new Set(["sent", "handed_over", "in_doubt", "throttled"]);

/** What the hands work with. */
export interface HandsOptions {
  deliver: Deliver;
  flight: Flight;
  /** True: sending has stopped, and no call must begin. */
  isStopped: () => boolean;
  /** Says what to write about a call that came to this outcome. */
  settle: (claim: Claim, outcome: Outcome) => Settlement;
  /** Called when the next turn should begin without waiting. */
  wake: () => void;
}

/** Makes calls, and puts their answers into the flight. */
export class Hands {
  readonly #options: HandsOptions;
  /** They have not begun. */
  readonly #waiting: Call[] = [];
  #concurrency = 1;
  #busy = 0;
  /** True: the next portion will begin by itself. */
  #isPlanned = false;
  #failure: { error: unknown } | null = null;

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  /**
   * Begins the calls, at most `concurrency` at once. One that has to wait is not made when it is no longer valid by then, or when sending has
   * stopped: its message is put back.
   */
  begin(calls: readonly Call[], concurrency: number): void {
    this.#concurrency = concurrency;
    this.#waiting.push(...calls);
    if (!this.#isPlanned) this.#beginSome();
  }

  #beginSome(): void {
    const free = Math.min(PORTION, this.#concurrency - this.#busy);
    for (const call of this.#waiting.splice(0, Math.max(0, free))) void this.#make(call);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0 || this.#busy >= this.#concurrency) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.#beginSome();
    });
  }

  /** True: another portion begins when the event loop has gone round. */
  get isBeginning(): boolean {
    return this.#isPlanned;
  }

  /** The first error that a call threw; null: none did. It is a bug, because errors of SES are outcomes. */
  get failure(): { error: unknown } | null {
    return this.#failure;
  }

  async #make(call: Call): Promise<void> {
    const { deliver, flight, isStopped, wake } = this.#options;
    const { claim, isValid } = call;
    const onDeparted = () => flight.depart(call);
    this.#busy++;
    try {
      // A signal may have come while the source was looking, or while it waited.
      if (isStopped()) this.#end(call, STOPPED);
      else this.#end(call, isValid() ? await deliver(claim, onDeparted, isValid) : WITHHELD);
    } catch (error) {
      this.#fail(call, error);
    }
    this.#busy--;
    this.#plan();
    wake();
  }

  #fail(call: Call, error: unknown): void {
    const isUnread = error instanceof AwayError || error instanceof InterruptedError;
    // The next turn notices by itself that the store is away.
    if (isUnread && call.leftAt === null) return this.#end(call, UNREAD);
    this.#failure ??= { error };
    this.#end(call, call.leftAt === null ? BROKEN : { kind: "in_doubt", reason: "ses-mail failed during the call" });
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
