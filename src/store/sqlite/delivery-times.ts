/** Measures how long mails took from the time SES accepted them to the time the recipient's server did. */
import type { DeliveryTimes } from "../breakdown.ts";
import type { Connection } from "./connection.ts";
import type { Walk } from "./walk.ts";

/**
 * Both times are of SES, so that a difference between our clock and theirs does not matter. `sent_at`, which is ours, stands in when
 * SES did not say when it accepted the mail (legacy notifications may not).
 */
const TOOK = `max(0, delivered_at - ifnull(mailed_at, (select sent_at from message where id = message_id)))`;

/** Measures the delivered messages that `walk` visits, and names the `limit` slowest. */
export async function readDeliveryTimes(db: Connection, walk: Walk, limit: number): Promise<DeliveryTimes> {
  const times = db
    .prepare<[number, number], number | null>(
      `select ${TOOK} from feedback where message_id between ? and ? and delivered_at > 0`,
    )
    .pluck();
  const histogram = new Map<number, number>();
  const slowest = createSlowest(db, limit);
  await walk((first, last) => {
    let most = -1;
    for (const ms of times.all(first, last)) {
      if (ms === null) continue;
      const rounded = threeDigits(ms);
      histogram.set(rounded, (histogram.get(rounded) ?? 0) + 1);
      most = Math.max(most, ms);
    }
    slowest.look(first, last, most);
  });
  return { ...percentiles(histogram), slowest: slowest.named() };
}

interface Slow {
  id: number;
  ms: number;
}

/** Keeps the `limit` slowest deliveries. Of equally slow ones it keeps the first. */
function createSlowest(db: Connection, limit: number) {
  const slow = db.prepare<[number, number, number, number], Slow>(
    `select message_id as id, ${TOOK} as ms from feedback
     where message_id between ? and ? and delivered_at > 0 and ms > ? order by ms desc, id limit ?`,
  );
  const emailOf = db.prepare<[number], string>("select email from message where id = ?").pluck();
  let slowest: Slow[] = [];
  return {
    /** `most`: the slowest time in this range. Usually it is not among the slowest, and the range is not read again. */
    look(first: number, last: number, most: number): void {
      const least = slowest.length < limit ? -1 : (slowest.at(-1)?.ms ?? -1);
      if (most <= least) return;
      slowest = [...slowest, ...slow.all(first, last, least, limit)]
        .sort((a, b) => b.ms - a.ms || a.id - b.id)
        .slice(0, limit);
    },
    named: () => slowest.map(({ id, ms }) => ({ email: emailOf.get(id) ?? "", ms })),
  };
}

function percentiles(histogram: ReadonlyMap<number, number>): Omit<DeliveryTimes, "slowest"> {
  const sorted = [...histogram].sort(([a], [b]) => a - b);
  const delivered = sorted.reduce((sum, [, count]) => sum + count, 0);
  const percentile = (share: number) => nearestRank(sorted, Math.ceil(share * delivered));
  return { delivered, p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99) };
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
