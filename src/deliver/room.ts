/** How much is claimed in one turn, and what is worth waiting for. Pure; spans are in ms. */

/**
 * Answers that come within this time are written together: one durable commit for all of them. Less when every hand is
 * busy, for then a hand waits for the commit.
 */
const SETTLE_TOGETHER_MS = 10;
const SETTLE_BUSY_MS = 4;
/** What the rate allows within this time is claimed together, for the same reason. */
const CLAIM_TOGETHER_MS = 10;
/** However long a turn was delayed, no more than this much of the rate at once. */
const MOST_CAUGHT_UP_MS = 60;

/** What the rate has let fall due `sinceTurnMs` after the last turn, and a little to catch up: how many to claim at most. At least 2. */
export function burstOf(perSecond: number, sinceTurnMs: number): number {
  // More would block the event loop and be the next stall.
  const spanMs = Math.max(2 * CLAIM_TOGETHER_MS, 1.25 * Math.min(MOST_CAUGHT_UP_MS, sinceTurnMs));
  return Math.max(2, Math.ceil((perSecond * spanMs) / 1000));
}

/** How much longer to wait than the rate asks for. At high rates one message falls due every millisecond: wait for a handful. */
export function gatherMs(perSecond: number, free: number): number {
  const handful = Math.min(free, Math.floor((perSecond * CLAIM_TOGETHER_MS) / 1000));
  return handful > 1 ? ((handful - 1) * 1000) / perSecond : 0;
}

/** The least time between the beginnings of two turns. `free`: hands that have nothing to do. */
export function settleTogetherMs(free: number): number {
  return free > 0 ? SETTLE_TOGETHER_MS : SETTLE_BUSY_MS;
}
