/**
 * Cancelling, retrying and moving a topic in parts. The first transaction of a cancel closes the topic and notes that it is being
 * cancelled; each further one cancels some of its messages. Instants are in ms since the epoch, by the clock of the store.
 */

/** A process that cancels or moves a topic does a part at least this often, or it is gone. */
const SILENT_MS = 30_000;

/** True when nobody goes on any more with what was begun with a topic and whose last part was done at `at`: the process died. */
export function isAbandoned(at: number, now: number): boolean {
  // A time to come was told by a clock that has been set since.
  return Math.abs(now - at) > SILENT_MS;
}

/** When things happened to a topic; null: they did not. */
export interface TopicTimes {
  cancelledAt: number | null;
  cancellingAt: number | null;
  prunedAt: number | null;
}

/** A topic as one part of a retry left it, and how many messages of that part became `pending`. */
export interface RetriedPart {
  cancelledAt: number | null;
  retried: number;
}

/**
 * Whether the next part of a retry may be done. `known`: what the part before left; null: it is the first one.
 * `wait`: the topic is being cancelled, or somebody has cancelled or opened it since the part before.
 */
export function mayRetry(topic: TopicTimes, known: RetriedPart | null): "fine" | "pruned" | "wait" {
  if (topic.prunedAt !== null) return "pruned";
  if (topic.cancellingAt !== null) return "wait";
  return known === null || known.cancelledAt === topic.cancelledAt ? "fine" : "wait";
}

/** True when a part of a retry opens the topic: pending messages of a cancelled one would never be sent. */
export function opensAgain(
  { cancelledAt }: Pick<TopicTimes, "cancelledAt">,
  retried: number,
  states: readonly string[],
): boolean {
  return cancelledAt !== null && (retried > 0 || states.includes("cancelled"));
}
