/** Decides whether a topic is paused, and for how long. Instants are whole milliseconds since the epoch, by the clock of the store. */

/** The pause of a topic, as it is kept. A pause that is over may stay there. */
export interface Pause {
  /** When it began; null: there is none. */
  pausedAt: number | null;
  /** When it ends by itself; null: it lasts until somebody resumes the topic. */
  pausedUntil: number | null;
}

/** Milliseconds until a topic may be sent again; 0: it is not paused; Infinity: somebody has to resume it. */
export function pauseLeftMs({ pausedAt, pausedUntil }: Pause, now: number): number {
  if (pausedAt === null) return 0;
  return pausedUntil === null ? Infinity : Math.max(0, pausedUntil - now);
}

/**
 * The same pause, begun anew at `now`, when it seems to begin in the future; null: it does not. Somebody has set the clock back
 * then. The person who paused named a duration, so the pause must not last longer by all that the clock was set back. No clock
 * tells how much of the pause was over, so it begins again: it lasts at most once more what was asked for.
 */
export function begunAgain({ pausedAt, pausedUntil }: Pause, now: number): Pause | null {
  if (pausedAt === null || pausedUntil === null || pausedAt <= now) return null;
  return { pausedAt: now, pausedUntil: now + (pausedUntil - pausedAt) };
}
