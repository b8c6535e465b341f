/** The status of the send loop that people see. */
import type { Halt, Run, SendListener, SenderStatus } from "./sender.ts";

/** Keeps what the loop does and what keeps it from sending, and tells a listener once when a halt begins or ends. */
export class Status {
  #state: SenderStatus["state"] = "idle";
  /** Why sending stopped last; null again when something was sent after that. */
  #halt: Halt | null = null;
  /** Why all messages but a probe are kept back (quota, SES out of reach); null: none is. */
  #hold: Halt | null = null;
  #perSecond: number;
  #sentBefore = 0;

  /** `perSecond`: the rate to show until the first turn. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** The status now, with a copy of `run`. */
  show(run: Run): SenderStatus {
    const { reason, hint } = this.#hold ?? this.#halt ?? { reason: null, hint: null };
    return { state: this.#hold ? "halted" : this.#state, reason, hint, perSecond: this.#perSecond, run: { ...run } };
  }

  /** A burst begins. `sent`: how many messages were sent before it. */
  begin(sent: number): void {
    this.#state = "sending";
    this.#sentBefore = sent;
  }

  /** To be called after each turn. `hold`: why messages are kept back now; null: they are not. */
  progress(now: { perSecond: number; sent: number; hold: string | null }, listener: SendListener): void {
    this.#perSecond = now.perSecond;
    const wasHeld = this.#hold !== null;
    // The first reason stays until the hold is over.
    this.#hold = now.hold === null ? null : (this.#hold ?? { reason: now.hold, hint: null });
    if (this.#hold !== null) return;
    if (!wasHeld && !(this.#halt && now.sent > this.#sentBefore)) return;
    this.#halt = null;
    listener.onHalt?.(null);
  }

  /** A burst has ended. */
  end(): void {
    this.#hold = null;
    this.#state = "idle";
  }

  /** Sending stopped for this reason and will be tried again. The listener hears of a new reason once. */
  halted(halt: Halt, listener: SendListener): void {
    const isNew = this.#halt?.reason !== halt.reason;
    this.#halt = halt;
    this.#state = "halted";
    if (isNew) listener.onHalt?.(halt);
  }

  /** The loop has ended. */
  stopped(): void {
    this.#state = "stopped";
  }
}
