/** Expiry: after `expires_at` of a message it is never handed to SES. Instants are ms since the epoch, by the wall clock of the store. */

/** How many expired messages one transaction cancels. It takes some 10 ms; then others have their turn. */
export const EXPIRE_PART = 1_000;

/**
 * What a claim tells of its expiry: whole milliseconds from an instant `agoMs` before `now`. Null: it never expires. `errorMs`: how far
 * `now` may be from the truth; the claim expires so much earlier.
 */
export function expiresInMs(
  expiresAt: number | null,
  { now, agoMs, errorMs = 0 }: { now: number; agoMs: number; errorMs?: number },
): number | null {
  return expiresAt === null ? null : Math.floor(expiresAt - now + agoMs - errorMs);
}

/** Counts of messages by topic. */
export type ByTopic = ReadonlyMap<number, number>;

/** How many messages were cancelled in one part. */
export interface ExpiredPart {
  /** How many messages were cancelled, by topic. */
  byTopic: ByTopic;
  /** True: there may be more. */
  more: boolean;
}

/** What a part comes to when nothing has expired. */
export const NONE_EXPIRED: ExpiredPart = { byTopic: new Map(), more: false };

/** How many messages are of one topic, or of all when it is null. Undefined: the topic does not exist. */
export function ofTopic(counts: ByTopic, topicId: number | null | undefined): number {
  if (topicId !== null) return topicId === undefined ? 0 : (counts.get(topicId) ?? 0);
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** What was cancelled outside of turns, until somebody is told. */
export class Untold {
  #counts = new Map<number, number>();

  /** Adds messages that were cancelled. */
  add(counts: ByTopic): void {
    for (const [topicId, count] of counts) this.#counts.set(topicId, (this.#counts.get(topicId) ?? 0) + count);
  }

  /** True: there is nothing to tell. */
  isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** How many were of the topic (null: of all). Forgets all of them. */
  take(topicId: number | null | undefined): number {
    const count = ofTopic(this.#counts, topicId);
    this.#counts = new Map();
    return count;
  }
}
