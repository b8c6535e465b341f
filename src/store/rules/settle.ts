/** What an answer does to its message. */
import type { Settlement } from "../../deliver/source.ts";
import type { State } from "../../message.ts";
import type { Step } from "./steps.ts";

/** The error of a message that was cancelled because it had not been handed to SES when it expired. */
export const EXPIRED = "expired";
/** The error of a message whose process died before its answer was written. It becomes `in_doubt`, with one more attempt. */
export const PROCESS_DIED = "the process died before the answer of SES came";

/** A message as it is when an answer for it comes. */
export interface Held {
  state: State;
  /** True: it is `sending`, and the process that brings the answer holds it. */
  isMine: boolean;
  /** True: its address is suppressed now. */
  isSuppressed: boolean;
  /** True: its topic is cancelled now. */
  isCancelled: boolean;
  /** True: it has expired by now, so it must not wait any more. */
  isExpired: boolean;
}

/** A change of one message. No process holds it afterwards. `sending`: it was handed over (`handed.ts`). */
export type Move = {
  from: State;
  /** How many to add to its attempts. */
  attempts: 0 | 1;
  /** What is to be kept of how it came about. Not set: nothing. */
  step?: Step;
} & (
  | { to: "sent"; sesMessageId: string }
  | { to: "sending"; subject: string }
  | { to: "failed" | "in_doubt"; error: string }
  /** `delayMs`: it falls due so long after now; null: it is due as it was before. */
  | { to: "pending" | "cancelled" | "suppressed"; error: string | null; delayMs: number | null }
);

/**
 * What the answer does to the message; null: it comes too late and changes nothing. A store first asks `prove` whether an event or
 * a visit, noted while the process held the message, settles it already.
 *
 * An answer counts when the process that brings it holds the message. When the lease of that process ran out, others have put the
 * message in doubt; then the answer still counts if it says that the message was sent or refused. To put it back would say that
 * it was not sent, and that is not certain any more, because it may have been retried since.
 */
export function decide(held: Held, settlement: Settlement): Move | null {
  const proves = settlement.kind === "sent" || settlement.kind === "failed";
  if (!held.isMine && !(held.state === "in_doubt" && proves)) return null;
  const from = held.state;
  // The attempt was counted when the message was put in doubt.
  const attempts = from === "sending" ? 1 : 0;
  switch (settlement.kind) {
    case "sent":
      return { from, to: "sent", attempts, sesMessageId: settlement.sesMessageId };
    case "failed": {
      const { error, isOurs } = settlement;
      return { from, to: "failed", attempts, error, ...(isOurs && { step: { type: "refusal", detail: error } }) };
    }
    case "in_doubt": {
      const { error, name } = settlement;
      return { from, to: "in_doubt", attempts, error, ...(name !== undefined && { step: handover(name) }) };
    }
    case "handed_over":
      return { from, to: "sending", attempts, subject: settlement.subject, step: handover(settlement.name) };
    case "put_back": {
      const { attempted, delayMs } = settlement;
      const to = backTo(held);
      const error = to === "cancelled" && held.isExpired ? EXPIRED : settlement.error;
      return { from, to, attempts: attempted ? 1 : 0, error, delayMs };
    }
  }
}

const handover = (name: string): Step => ({ type: "handover", detail: name });

function backTo({ isSuppressed, isCancelled, isExpired }: Held): "pending" | "cancelled" | "suppressed" {
  if (isSuppressed) return "suppressed";
  return isCancelled || isExpired ? "cancelled" : "pending";
}
