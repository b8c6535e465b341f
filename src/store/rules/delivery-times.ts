/** How long deliveries took: percentiles of many times in little memory, and the slowest ones. */

/** Counts of times, rounded to three digits. */
export interface Times {
  /** Counts a time (whole milliseconds, 0 or more) once, or `count` times. */
  add(ms: number, count?: number): void;
  /** Percentiles by nearest rank; null: there is no time. `delivered` is how many there are. */
  percentiles(): { delivered: number; p50: number | null; p90: number | null; p99: number | null };
}

/** Makes empty counts. */
export function createTimes(): Times {
  const histogram = new Map<number, number>();
  return {
    add(ms, count = 1) {
      const rounded = threeDigits(ms);
      histogram.set(rounded, (histogram.get(rounded) ?? 0) + count);
    },
    percentiles() {
      const sorted = [...histogram].sort(([a], [b]) => a - b);
      const delivered = sorted.reduce((sum, [, count]) => sum + count, 0);
      const percentile = (share: number) => nearestRank(sorted, Math.ceil(share * delivered));
      return { delivered, p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99) };
    },
  };
}

/** Rounds to three digits, so that a million different times become a few thousand. */
function threeDigits(ms: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, ms))) - 2);
  return Math.round(ms / unit) * unit;
}

function nearestRank(sorted: [number, number][], rank: number): number | null {
  let seen = 0;
  for (const [ms, count] of sorted) {
    seen += count;
    if (seen >= rank) return ms;
  }
  return null;
}

/** How long the delivery of one message took. */
export interface Slow {
  /** Of the message. */
  id: number;
  ms: number;
}

/** The slowest deliveries that were seen. Of equally slow ones the first stay. */
export interface Slowest {
  /** True when a delivery that took so long is one of the slowest. */
  takes(ms: number): boolean;
  /** A delivery that took longer than this may be one of the slowest; -1: any may. */
  least(): number;
  add(found: readonly Slow[]): void;
  /** The slowest first. */
  all(): readonly Slow[];
}

/** Makes a list of the `limit` slowest. */
export function createSlowest(limit: number): Slowest {
  let slowest: Slow[] = [];
  const least = (): number => (slowest.length < limit ? -1 : (slowest.at(-1)?.ms ?? Infinity));
  return {
    least,
    takes: (ms) => ms > least(),
    add(found) {
      slowest = [...slowest, ...found].sort((a, b) => b.ms - a.ms || a.id - b.id).slice(0, limit);
    },
    all: () => slowest,
  };
}
