/** The status of the send loop that people see. */
import type { Halt, Run, SendListener, SenderStatus } from "./sender.ts";

/** What the loop finds out after each turn, and while it is idle. */
interface Progress {
  perSecond: number;
  /** How many messages were sent since the loop was made. */
  sent: number;
  /** Why all messages but a probe are kept back (quota, SES out of reach); null: none is. It was told already. */
  hold: string | null;
  /** What is wrong although nothing is kept back; null: nothing. */
  trouble: string | null;
  /** Why bulk mail waits while other mail leaves; null: it does not. It was told already. */
  kept: string | null;
}

/** Keeps what the loop does and what keeps it from sending, and tells a listener once when that begins, changes or ends. */
export class Status {
  #state: SenderStatus["state"] = "idle";
  /** Why sending stopped last; null again when something was sent after that. */
  #halt: Halt | null = null;
  /** The hold or the trouble of now. */
  #hindrance: string | null = null;
  #kept: string | null = null;
  #perSecond: number;
  #sentBefore = 0;

  /** `perSecond`: the rate to show until the first turn. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** The status now, with a copy of `run`. */
  show(run: Run): SenderStatus {
    const hindrance = this.#hindrance === null ? this.#halt : { reason: this.#hindrance, hint: null };
    const { reason, hint } = hindrance ?? { reason: this.#kept, hint: null };
    // Nobody knows that it goes on before something was sent.
    const state = this.#state === "stopped" || hindrance === null ? this.#state : "halted";
    return { state, reason, hint, perSecond: this.#perSecond, run: { ...run } };
  }

  /** A burst begins. `sent`: how many messages were sent before it. */
  begin(sent: number): void {
    this.#state = "sending";
    this.#sentBefore = sent;
  }

  /** To be called after each turn, and now and then while nothing is sent. */
  progress({ perSecond, sent, hold, trouble, kept }: Progress, listener: SendListener): void {
    this.#perSecond = perSecond;
    const isFreed = this.#kept !== null && kept === null;
    this.#kept = kept;
    const before = this.#hindrance;
    this.#hindrance = hold ?? trouble;
    if (this.#hindrance !== null) {
      const isNew = before === null || causeOf(before) !== causeOf(this.#hindrance);
      if (hold === null && isNew) listener.onNotice(`${this.#hindrance}.`);
      return;
    }
    if (before === null && !isFreed && !(this.#halt && sent > this.#sentBefore)) return;
    this.#halt = null;
    listener.onHalt?.(null);
  }

  /** A burst has ended. */
  end(): void {
    this.#state = "idle";
  }

  /** Sending stopped for this reason and will be tried again. The listener hears of a new reason once. */
  halted(halt: Halt, listener: SendListener): void {
    const isNew = this.#halt?.reason !== halt.reason;
    this.#halt = halt;
    this.#hindrance = null;
    this.#state = "halted";
    if (isNew) listener.onHalt?.(halt);
  }

  /** Nothing waits, and what was known is too old to say anything. */
  forget(): void {
    this.#halt = null;
  }

  /** The loop has ended. */
  stopped(): void {
    this.#state = "stopped";
  }
}

/** The same for two texts that differ in numbers only: a name may have many addresses, each tried in its turn. */
export function causeOf(text: string): string {
  return text.replaceAll(/[0-9a-f]*[0-9:.]+[0-9a-f:.]*/gi, "#");
}
