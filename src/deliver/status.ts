import type { Halt, Run, SendListener, SenderStatus } from "./sender.ts";

/** How sending goes, for people: what the loop does, and what is to be mended. Says each change once. */
export class Status {
  #state: SenderStatus["state"] = "idle";
  /** What stopped sending last, until something is sent again. */
  #halt: Halt | null = null;
  /** What keeps all but a probe back (quota, SES out of reach); null: nothing does. */
  #hold: Halt | null = null;
  #perSecond: number;
  #sentBefore = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  show(run: Run): SenderStatus {
    const { reason, hint } = this.#hold ?? this.#halt ?? { reason: null, hint: null };
    return { state: this.#hold ? "halted" : this.#state, reason, hint, perSecond: this.#perSecond, run: { ...run } };
  }

  /** Sending begins; `sent` messages were sent before. */
  begin(sent: number): void {
    this.#state = "sending";
    this.#sentBefore = sent;
  }

  /** After a turn: the rate in force, how many were sent, and what holds messages back now. */
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

  /** Sending pauses: nothing is due. */
  end(): void {
    this.#hold = null;
    this.#state = "idle";
  }

  halted(halt: Halt, listener: SendListener): void {
    const isNew = this.#halt?.reason !== halt.reason;
    this.#halt = halt;
    this.#state = "halted";
    if (isNew) listener.onHalt?.(halt);
  }

  stopped(): void {
    this.#state = "stopped";
  }
}
