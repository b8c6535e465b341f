/** What proves that SES accepted a message, even when the job says otherwise. */
import type { State } from "../../message.ts";
import { type Holding, isHandedOver } from "./handed.ts";

/** A message as it is before the proof. */
export interface Unproven extends Holding {
  attempts: number;
}

/**
 * A proof. Instants are milliseconds since the epoch; null: not known.
 *
 * - `event`: SES sent an event of the message. `mailedAt` is when SES accepted it, `at` the time of the event.
 * - `visit`: somebody followed a link, or loaded a picture, that only this mail has.
 * - `answer`: the call has ended, by any answer or because the process died, and an event or a visit was noted while it was under
 *   way. `mailedAt` and `sesMessageId` come from that note.
 */
export type Proof =
  | { kind: "event"; sesMessageId: string; mailedAt: number | null; at: number | null }
  | { kind: "visit"; at: number }
  | { kind: "answer"; sesMessageId: string | null; mailedAt: number | null };

/** What to write. The message is `sent` then; no process holds it, and it has no error. */
export interface Proven {
  to: "sent";
  sentAt: number;
  /** Null: the proof does not name it, so a known id stays. */
  sesMessageId: string | null;
  attempts: number;
}

/**
 * The states that a message may leave by each proof.
 *
 * | proof    | may leave                            | `sentAt`                                 | attempts     |
 * |----------|--------------------------------------|------------------------------------------|--------------|
 * | `event`  | every state but `sent`               | when SES accepted it, else the event's   | at least one |
 * | `visit`  | `sending`, `in_doubt`                | the time of the visit                    | at least one |
 * | `answer` | `sending`                            | when SES accepted it, else now           | one more     |
 *
 * The differences are meant:
 *
 * - A message does not leave `sending` before its call has ended, because only the end of a call counts the attempt. An event or
 *   visit before that is noted, and `answer` uses the note when the call has ended. One that was handed over has no call any more, so
 *   both move it at once, and `answer` does not.
 * - An event comes from SES, so it overrules every other state, also `cancelled`. A visit only shows that somebody knows the link.
 *   It decides where nothing else is known (`in_doubt`), and does not make a message `sent` that we believe was never handed to SES.
 * - The attempt of a call that ended long ago is counted already. A message that was put back without an attempt, or retried
 *   (which starts again at 0), was sent at least once.
 */
export const PROVABLE: Readonly<Record<Proof["kind"], readonly State[]>> = {
  event: ["pending", "sending", "in_doubt", "failed", "cancelled", "suppressed"],
  visit: ["sending", "in_doubt"],
  answer: ["sending"],
};

/** What the message becomes by this proof at `now` (ms since the epoch); null: the proof does not move it. */
export function prove(held: Unproven, by: Proof, now: number): Proven | null {
  if (!PROVABLE[by.kind].includes(held.state)) return null;
  if (held.state === "sending" && isHandedOver(held) === (by.kind === "answer")) return null;
  switch (by.kind) {
    case "event":
      return proven(by.mailedAt ?? by.at ?? now, by.sesMessageId, Math.max(held.attempts, 1));
    case "visit":
      return proven(by.at, null, Math.max(held.attempts, 1));
    case "answer":
      return proven(by.mailedAt ?? now, by.sesMessageId, held.attempts + 1);
  }
}

/**
 * True when an event with our tags can be about the message that has its id, which goes to `email`. A store that was restored from
 * a plain copy gives the same ids again. An event of a mail from before the loss must not be applied to the mail that has its id
 * now, or that mail would never be sent. `destination` is empty when the event does not say to whom the mail went.
 */
export function mayBeTo({ destination }: { destination: readonly string[] }, email: string): boolean {
  return destination.length === 0 || destination.includes(email) || destination.includes(email.toLowerCase());
}

/**
 * True when an event is about a rehearsal that was removed, or is being removed. It must not be applied to the message that has its
 * id: that one waits for the real thing, or was really sent. Mail of a rehearsal carries a tag; `rehearsal` says whether the event
 * has it. `topic` is the one of the message.
 */
export function isOfRemovedRehearsal(
  { rehearsal }: { rehearsal?: boolean },
  topic: { endpoint: string | null; afreshAt: number | null },
): boolean {
  return topic.endpoint === "sandbox" ? topic.afreshAt !== null : rehearsal === true;
}

function proven(sentAt: number, sesMessageId: string | null, attempts: number): Proven {
  return { to: "sent", sentAt, sesMessageId, attempts };
}
