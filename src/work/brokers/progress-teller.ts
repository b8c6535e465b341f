/** Tells over Redis how far an issue is: how many of its messages are done, of all there are. */
import type { Redis } from "../../queue/redis/redis.ts";
import type { Topics } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";

/** An issue is told so often at most, except for its end. */
const EVERY_MS = 250;
/** The topic of an issue (`intake/broker/redis-job.ts`). */
const PREFIX = "issue-";
/** So many issues at most are remembered. */
const MOST_KNOWN = 10_000;

/** What it works with. */
export interface ProgressTellerParts {
  store: Pick<Topics, "topic">;
  clock: Pick<Clock, "monotonic">;
  redis: Pick<Redis, "progress">;
}

/** Collects the issues whose messages changed. */
export interface ProgressTeller {
  /** Messages of these topics changed. Topics of no issue are left out. */
  note(topics: readonly string[]): void;
  /**
   * Tells the issues that were not told for a quarter of a second. `isEnd`: nothing more is known to change now, so all of them are told.
   * What it could not tell is told by the next call.
   */
  tell(when: { isEnd: boolean }): Promise<void>;
}

/** Makes one that knows of no issue. */
export function createProgressTeller({ store, clock, redis }: ProgressTellerParts): ProgressTeller {
  const changed = new Set<string>();
  const toldAt = new Map<string, number>();
  const isDue = (topic: string): boolean => clock.monotonic() - (toldAt.get(topic) ?? -Infinity) >= EVERY_MS;
  return {
    note(topics) {
      for (const topic of topics) if (topic.startsWith(PREFIX)) changed.add(topic);
    },
    async tell({ isEnd }) {
      for (const topic of changed) {
        if (!isEnd && !isDue(topic)) continue;
        const row = await store.topic(topic);
        if (row !== null) {
          const { total, pending, sending } = row;
          await redis.progress(topic.slice(PREFIX.length), { completed: total - pending - sending, total });
        }
        changed.delete(topic);
        if (toldAt.size >= MOST_KNOWN) toldAt.clear();
        toldAt.set(topic, clock.monotonic());
      }
    },
  };
}
