/** How much a turn claims, and how long it pays to wait before the next one. Pure functions; times are in ms. */

/** Answers that come within this time are written together, with one durable commit for all of them. */
const SETTLE_TOGETHER_MS = 10;
/** The same while every hand is busy. It is shorter, because a hand waits for the commit. */
const SETTLE_BUSY_MS = 4;
/** Messages that the rate allows within this time are claimed together, for the same reason. */
const CLAIM_TOGETHER_MS = 10;
/** A turn makes up for a delay of at most this long, because a larger burst blocks the event loop and is the next stall. */
const MOST_CAUGHT_UP_MS = 60;

/**
 * The most messages to claim `sinceTurnMs` after the last turn: what the rate let fall due since, and a quarter more to catch up.
 * At least 2, and never more than the rate gives in 75 ms.
 */
export function burstOf(perSecond: number, sinceTurnMs: number): number {
  const spanMs = Math.max(2 * CLAIM_TOGETHER_MS, 1.25 * Math.min(MOST_CAUGHT_UP_MS, sinceTurnMs));
  return Math.max(2, Math.ceil((perSecond * spanMs) / 1000));
}

/**
 * How much longer to wait than the rate asks for. At high rates a message falls due every millisecond, so it pays to claim a
 * handful together.
 */
export function gatherMs(perSecond: number, free: number): number {
  const handful = Math.min(free, Math.floor((perSecond * CLAIM_TOGETHER_MS) / 1000));
  return handful > 1 ? ((handful - 1) * 1000) / perSecond : 0;
}

/** The least time between the beginnings of two turns. `free`: how many hands have nothing to do. */
export function settleTogetherMs(free: number): number {
  return free > 0 ? SETTLE_TOGETHER_MS : SETTLE_BUSY_MS;
}
