/** The cap of one recipient: no more than so many mails to an address in so long a time. Instants and spans are in ms. */
import type { RecipientCap } from "../../deliver/source.ts";

/** What is in flight has no time yet by which to wait for it: look again so long after. */
const LOOK_AGAIN_MS = 1_000;

/** Mails to one address that count against its cap. */
export interface Mails {
  /** When those sent within the window were sent, oldest first. */
  sentAt: readonly number[];
  inFlight: number;
}

/** True: there is room for one more mail now. */
export function hasRoom({ sentAt, inFlight }: Mails, { count }: RecipientCap): boolean {
  return sentAt.length + inFlight < count;
}

/** When there may be room for one more, for an address that has none now. Always after `now`. */
export function roomAt({ sentAt, inFlight }: Mails, { count, windowMs }: RecipientCap, now: number): number {
  // More than `count` when the cap was lowered meanwhile.
  const leaving = sentAt[sentAt.length + inFlight - count];
  return leaving === undefined ? now + Math.min(LOOK_AGAIN_MS, windowMs) : leaving + windowMs;
}
