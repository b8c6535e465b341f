/** The recipient cap: how many mails an address may get in a span of time. Instants and spans are in ms. */
import type { RecipientCap } from "../../deliver/source.ts";

/** A mail in flight has no sending time yet that we could wait by, so look again after this. */
const LOOK_AGAIN_MS = 1_000;

/** The mails to one address that count against its cap. */
export interface Mails {
  /** When the mails of the window were sent, oldest first. */
  sentAt: readonly number[];
  /** How many are being sent. */
  inFlight: number;
}

/** True when the address may get one more mail now. */
export function hasRoom({ sentAt, inFlight }: Mails, { count }: RecipientCap): boolean {
  return sentAt.length + inFlight < count;
}

/** When an address without room may get one more mail. Later than `now`. */
export function roomAt({ sentAt, inFlight }: Mails, { count, windowMs }: RecipientCap, now: number): number {
  // There may be more mails than `count`, when the cap was lowered.
  const leaving = sentAt[sentAt.length + inFlight - count];
  if (leaving === undefined) return now + Math.min(LOOK_AGAIN_MS, windowMs);
  // No wait is longer than the window, also when the clock was set back since the mail was sent.
  return Math.min(leaving, now) + windowMs;
}
