/** What proves that SES took a message in, whatever was believed of it. */
import type { State } from "../../message.ts";

/** What has to be known of a message before something is proven of it. */
export interface Unproven {
  state: State;
  attempts: number;
}

/**
 * What proves it. Instants are milliseconds since the epoch; null: not known.
 *
 * - `event`: SES told of the message.
 * - `visit`: somebody followed a link, or loaded a picture, that only the mail has.
 * - `answer`: the call ended (an answer came, whatever it says, or the process died), and an event or a visit was noted
 *   while it was under way. `mailedAt` and `sesMessageId` are what that note says.
 */
export type Proof =
  | { kind: "event"; sesMessageId: string; mailedAt: number | null; at: number | null }
  | { kind: "visit"; at: number }
  | { kind: "answer"; sesMessageId: string | null; mailedAt: number | null };

/** What to write: the message is `sent`, nobody holds it any more, and it has no error. */
export interface Proven {
  to: "sent";
  sentAt: number;
  /** Null: the proof does not name it, and what is known already stays. */
  sesMessageId: string | null;
  attempts: number;
}

/**
 * | proof    | may leave                                          | `sentAt`                               | attempts         |
 * |----------|----------------------------------------------------|----------------------------------------|------------------|
 * | `event`  | every state but `sent` and `sending`               | when SES took it in, else the event's  | at least one     |
 * | `visit`  | `in_doubt`                                         | that of the visit                      | at least one     |
 * | `answer` | `sending`                                          | when SES took it in, else now          | one more         |
 *
 * The differences are meant:
 *
 * - Nothing leaves `sending` before its call ended. Its answer knows more than an event (it is the one that counts the
 *   attempt), so the event is noted, and `answer` is asked when the call ended.
 * - An event is signed by SES, so it beats every belief: also that of a person who cancelled. A visit only says that
 *   somebody knows the link. It decides where nothing is known (`in_doubt`); a message that was never handed to SES, by all
 *   we know, is not made `sent` by it.
 * - Only the end of a call counts an attempt. A message whose call is long over had it counted; one that was put back
 *   without it, or retried (which starts at 0), was sent at least once.
 */
export const PROVABLE: Readonly<Record<Proof["kind"], readonly State[]>> = {
  event: ["pending", "in_doubt", "failed", "cancelled", "suppressed"],
  visit: ["in_doubt"],
  answer: ["sending"],
};

/** What the message becomes by this proof at `now`; null: the proof does not move it. */
export function prove(held: Unproven, by: Proof, now: number): Proven | null {
  if (!PROVABLE[by.kind].includes(held.state)) return null;
  switch (by.kind) {
    case "event":
      return proven(by.mailedAt ?? by.at ?? now, by.sesMessageId, Math.max(held.attempts, 1));
    case "visit":
      return proven(by.at, null, Math.max(held.attempts, 1));
    case "answer":
      return proven(by.mailedAt ?? now, by.sesMessageId, held.attempts + 1);
  }
}

function proven(sentAt: number, sesMessageId: string | null, attempts: number): Proven {
  return { to: "sent", sentAt, sesMessageId, attempts };
}
