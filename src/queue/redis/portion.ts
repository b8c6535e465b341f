/** How many jobs are asked for at once. Redis limits their number only, and a job may have any size. */
import type { RedisDelivery } from "./entries.ts";

/** Most jobs that one call brings. */
export const MOST_PER_CALL = 200;
/** Most bytes of jobs that are asked for at once, as far as can be told before they come. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Learns from what came how many jobs may come next. */
export class Portion {
  /** Bytes of the largest of the last jobs. */
  #largest = 0;

  /** How many of `most` jobs to ask for (1 or more), if they are as large as the last ones. */
  within(most: number): number {
    return Math.max(1, Math.min(most, Math.floor(MOST_BYTES / Math.max(1, this.#largest))));
  }

  /** These came. */
  came(deliveries: readonly RedisDelivery[]): void {
    if (deliveries.length > 0) this.#largest = Math.max(...deliveries.map(({ body }) => body.length));
  }
}
