/**
 * Notices that nothing gets through although nothing stops the loop: SES throttles every call, fails, refuses every message, or does
 * not answer. The loop goes on trying; this says what to show to people meanwhile.
 */
import type { Outcome } from "./outcome.ts";

/** A failure is told after so long without a success: long enough to be more than chance, and soon enough to be seen within 10 s. */
const TELL_AFTER_MS = 4_000;
/** SES answers within a second. A call that waits for so long is a sign of trouble. */
const SILENCE_MS = 7_000;
/** So many refusals in a row are not about the recipients any more. */
const REFUSED_RUN = 3;
/** What is so old says nothing about now. */
const OLD_MS = 300_000;

/** What is wrong with everything. Instants `now` are monotonic ms. */
export class Troubles {
  /** The last failure, and when the series of failures without a success began. */
  #failure: { text: string; since: number; at: number } | null = null;
  #refused = 0;
  #answeredAt = -Infinity;

  /** Takes in what became of one call. */
  observe(outcome: Outcome, now: number): void {
    const { kind } = outcome;
    if (kind === "withheld" || kind === "halted" || kind === "quota") return;
    if (kind !== "in_doubt") this.#answeredAt = now;
    if (kind === "sent" || kind === "handed_over") {
      this.#failure = null;
      this.#refused = 0;
      return;
    }
    this.#refused = kind === "rejected" ? this.#refused + 1 : 0;
    if (kind === "rejected" && this.#refused < REFUSED_RUN) return;
    this.#failure = { text: textOf(outcome), since: this.#failure?.since ?? now, at: now };
  }

  /**
   * What is wrong, for people; null: nothing that lasts. `waitingMs`: for how long the oldest call under way has been waiting for its
   * answer; null: there is none.
   */
  text(now: number, waitingMs: number | null): string | null {
    if (waitingMs !== null && Math.min(waitingMs, now - this.#answeredAt) > SILENCE_MS) return "SES does not answer";
    const failure = this.#failure;
    if (failure === null || now - failure.at > OLD_MS) return null;
    return now - failure.since >= TELL_AFTER_MS ? failure.text : null;
  }
}

function textOf(outcome: Extract<Outcome, { kind: "throttled" | "transient" | "in_doubt" | "rejected" }>): string {
  const { kind, reason } = outcome;
  if (kind === "throttled") return `SES throttles every call: ${reason}`;
  if (kind === "rejected") return `SES refuses every message: ${reason}`;
  if (kind === "in_doubt") return `the answers of SES are lost: ${reason}`;
  return outcome.unreachable ? unreachableText(reason, outcome.server) : `SES takes no mail: ${reason}`;
}

/** How people are told that no call reaches SES, or what takes mail in its place. */
export function unreachableText(reason: string, server = "SES"): string {
  return `${server} cannot be reached: ${reason}`;
}
