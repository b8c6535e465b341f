/** What a message is in the store whose mail another program dealt with. */
import type { State } from "../message.ts";
import type { Past } from "./rows.ts";

/** A message as it is added. No process holds it. */
export interface Outcome {
  state: Exclude<State, "pending" | "sending" | "suppressed">;
  attempts: 0 | 1;
  sesMessageId: string | null;
  error: string | null;
  /** When it was sent (ms since the epoch); null: it was not, as far as we know. */
  sentAt: number | null;
  /** When a call about it may have left (ms since the epoch); null: none did. */
  calledAt: number | null;
}

/**
 * What comes of a message that is added at `now` (ms since the epoch). Nothing was sent later than that, whatever the clock of the
 * other program said.
 */
export function outcomeOf(past: Past, now: number): Outcome {
  const none = { sesMessageId: null, error: null, sentAt: null };
  switch (past.state) {
    case "sent": {
      const sentAt = Math.min(past.sentAt, now);
      return { ...none, state: "sent", attempts: 1, sesMessageId: past.sesMessageId, sentAt, calledAt: sentAt };
    }
    case "in_doubt":
    case "failed":
      return { ...none, state: past.state, attempts: 1, error: past.error, calledAt: now };
    case "cancelled":
      return { ...none, state: "cancelled", attempts: 0, calledAt: null };
  }
}
