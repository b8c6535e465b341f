/**
 * Messages that were handed over to a broker, for others to send, and what the results that come back do to them. Such a message is
 * `sending`, and no process holds it.
 */
import type { State } from "../../message.ts";

/** Who holds a message that was handed over (`message.claimed_by`): nobody's process, so that none is ever found dead. */
export const NOBODY = 0;

/** The error of a message whose result did not come in time. */
export const NO_RESULT = "it was handed over to a broker, and nobody said in time what became of it";
/** The errors of results that do not say why. */
const UNSAID = {
  failed: "whoever took it from the broker could not send it",
  in_doubt: "whoever took it from the broker does not know whether it was sent",
};

/** A message, as far as it decides whether it is handed over. */
export interface Holding {
  state: State;
  /** Which process holds it; null: it is not `sending`. */
  claimedBy: number | null;
}

/** True: the message was handed over, and nobody has said yet what became of it. */
export function isHandedOver({ state, claimedBy }: Holding): boolean {
  return state === "sending" && claimedBy === NOBODY;
}

/** What somebody else made of a message that was handed over to him. */
export interface Result {
  state: "sent" | "failed" | "in_doubt" | "suppressed" | "cancelled";
  /** With `sent`: the id that SES gave it; null: he does not say. */
  sesMessageId: string | null;
  /** Why, when it was not sent; null: he does not say. */
  error: string | null;
  /** With `sent`: when that was (ms since the epoch, by his clock); null: he does not say. */
  at: number | null;
}

/** A message, as a result finds it. */
export interface Reported extends Holding {
  /** Calls and hand-overs that were counted. */
  attempts: number;
  /** When it was handed over (ms since the epoch); null: it is not handed over now. */
  handedAt: number | null;
  sesMessageId: string | null;
}

/** What a result makes of its message. No process holds it afterwards, and it is not handed over any more. */
export type ResultMove = { from: State } & (
  | { to: "sent"; sesMessageId: string | null; sentAt: number }
  | { to: "failed" | "in_doubt"; error: string }
  | { to: "suppressed" | "cancelled"; error: string | null }
);

/**
 * What a result that comes at `now` (ms since the epoch) does.
 *
 * | the message is                        | by `sent`                     | by any other result     |
 * |---------------------------------------|-------------------------------|-------------------------|
 * | handed over                           | moves                         | moves                   |
 * | `in_doubt`                            | moves                         | moves, unless `in_doubt`|
 * | `failed`, `suppressed`, `cancelled`   | moves: he tried again         | `known`                 |
 * | `sent`                                | `named` or `known`            | `known`                 |
 * | `sending`, held by a process          | `early`                       | `early`                 |
 * | `pending`, or never attempted         | `unknown`                     | `unknown`               |
 *
 * - `known`: it changes nothing.
 * - `named`: the message is known to be sent, and the result brings the id that SES gave it.
 * - `early`: the process that hands it over has not written yet that it did. The result has to be brought again.
 * - `unknown`: it was not handed over, or a person has retried it since and nobody waits for this result any more.
 */
export function decideResult(
  message: Reported,
  result: Result,
  now: number,
): ResultMove | "known" | "named" | "early" | "unknown" {
  const { state: from, attempts, sesMessageId } = message;
  if (from === "sending") return isHandedOver(message) ? moveBy(message, result, now) : "early";
  if (from === "pending" || attempts === 0) return "unknown";
  if (from === "in_doubt") return result.state === "in_doubt" ? "known" : moveBy(message, result, now);
  if (result.state !== "sent") return "known";
  if (from !== "sent") return moveBy(message, result, now);
  return sesMessageId === null && result.sesMessageId !== null ? "named" : "known";
}

function moveBy(message: Reported, result: Result, now: number): ResultMove {
  const { state: from } = message;
  const { state: to, error } = result;
  switch (to) {
    case "sent":
      return { from, to, sesMessageId: result.sesMessageId, sentAt: sentAtOf(message, result, now) };
    case "failed":
    case "in_doubt":
      return { from, to, error: error ?? UNSAID[to] };
    case "suppressed":
    case "cancelled":
      return { from, to, error };
  }
}

/** His clock may be wrong, so only what lies between the hand-over and now is believed. */
function sentAtOf({ handedAt }: Reported, { at }: Result, now: number): number {
  return at === null || handedAt === null ? now : Math.max(Math.min(at, now), Math.min(handedAt, now));
}

/** By how much the clock of SES may be behind ours. */
const SKEW_MS = 300_000;
/** A mail of unknown id that was sent so long before an event says nothing about it. */
const DAY_MS = 86_400_000;

/** A message to an address, as far as it may be the one that an event speaks of. */
export interface Addressed extends Holding {
  /** When it was handed over, and by which key its subject is found again; null: it is not handed over. */
  handedAt: number | null;
  subjectKey: number | null;
  /** When it was sent (ms since the epoch); null: it was not. */
  sentAt: number | null;
  sesMessageId: string | null;
}

/**
 * The message of which an event speaks that names none: its mail went to one address only, and `all` are our messages to that. Undefined:
 * none of them can be it, or more than one. A message can be it when it was handed over with this subject before SES took the mail in;
 * one that is in doubt, or was sent under an id that nobody told, may be it, too.
 */
export function handedWith<Message extends Addressed>(
  all: readonly Message[],
  { subjectKey, mailedAt }: { subjectKey: number; mailedAt: number },
): Message | undefined {
  const fits = all.filter(
    (each) => isHandedOver(each) && each.subjectKey === subjectKey && (each.handedAt ?? Infinity) - SKEW_MS <= mailedAt,
  );
  const mayBeOther = all.some(
    ({ state, sentAt, sesMessageId }) =>
      state === "in_doubt" || (state === "sent" && sesMessageId === null && (sentAt ?? 0) >= mailedAt - DAY_MS),
  );
  return fits.length === 1 && !mayBeOther ? fits[0] : undefined;
}
