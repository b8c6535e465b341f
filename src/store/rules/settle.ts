/** What an answer does to the message it is about: the same in every store. */
import type { Settlement } from "../../deliver/source.ts";
import type { State } from "../../message.ts";

/** A message as it is when an answer for it comes. */
export interface Held {
  state: State;
  /** It is `sending`, and whoever brings the answer holds it. */
  isMine: boolean;
  /** Since it was claimed its address was suppressed. */
  isSuppressed: boolean;
  /** Since it was claimed its topic was cancelled. */
  isCancelled: boolean;
}

/** A change of one message. Its holder lets go of it in any case. */
export type Move = {
  from: State;
  /** Calls to add to its attempts. */
  attempts: 0 | 1;
} & (
  | { to: "sent"; sesMessageId: string }
  | { to: "failed" | "in_doubt"; error: string }
  /** `delayMs` null: due as it was. */
  | { to: "pending" | "cancelled" | "suppressed"; error: string | null; delayMs: number | null }
);

/**
 * What is to be done, or null: the answer comes too late to change anything. An answer counts when its bringer holds the message; and
 * when others put the message in doubt because his lease ran out, as far as it proves what became of the call. To put such a message
 * back would say that it was not sent, which nobody knows any more.
 */
export function decide(held: Held, settlement: Settlement): Move | null {
  const proves = settlement.kind === "sent" || settlement.kind === "failed";
  if (!held.isMine && !(held.state === "in_doubt" && proves)) return null;
  const from = held.state;
  // Counted already when the message was put in doubt.
  const attempts = from === "sending" ? 1 : 0;
  switch (settlement.kind) {
    case "sent":
      return { from, to: "sent", attempts, sesMessageId: settlement.sesMessageId };
    case "failed":
    case "in_doubt":
      return { from, to: settlement.kind, attempts, error: settlement.error };
    case "put_back": {
      const { attempted, error, delayMs } = settlement;
      return { from, to: backTo(held), attempts: attempted ? 1 : 0, error, delayMs };
    }
  }
}

function backTo({ isSuppressed, isCancelled }: Held): "pending" | "cancelled" | "suppressed" {
  if (isSuppressed) return "suppressed";
  return isCancelled ? "cancelled" : "pending";
}
