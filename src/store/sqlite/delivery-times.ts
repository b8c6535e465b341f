/** Measures how long mails took from the time SES accepted them to the time the recipient's server did. */
import type { DeliveryTimes } from "../breakdown.ts";
import { createSlowest, createTimes, type Slow } from "../rules/delivery-times.ts";
import type { Connection } from "./connection.ts";
import type { Walk } from "./walk.ts";

/**
 * Both times are of SES, so that a difference between our clock and theirs does not matter. `sent_at`, which is ours, stands in when
 * SES did not say when it accepted the mail (legacy notifications may not).
 */
const TOOK = `max(0, delivered_at - ifnull(mailed_at, (select sent_at from message where id = message_id)))`;

/** Measures the delivered messages that `walk` visits, and names the `limit` slowest. */
export async function readDeliveryTimes(db: Connection, walk: Walk, limit: number): Promise<DeliveryTimes> {
  const found = db
    .prepare<[number, number], number | null>(
      `select ${TOOK} from feedback where message_id between ? and ? and delivered_at > 0`,
    )
    .pluck();
  const slow = db.prepare<[number, number, number, number], Slow>(
    `select message_id as id, ${TOOK} as ms from feedback
     where message_id between ? and ? and delivered_at > 0 and ms > ? order by ms desc, id limit ?`,
  );
  const times = createTimes();
  const slowest = createSlowest(limit);
  await walk((first, last) => {
    let most = -1;
    for (const ms of found.all(first, last)) {
      if (ms === null) continue;
      times.add(ms);
      most = Math.max(most, ms);
    }
    // Usually no time of a step is among the slowest, and the step is not read again.
    if (slowest.takes(most)) slowest.add(slow.all(first, last, slowest.least(), limit));
  });
  const emailOf = db.prepare<[number], string>("select email from message where id = ?").pluck();
  const named = slowest.all().map(({ id, ms }) => ({ email: emailOf.get(id) ?? "", ms }));
  return { ...times.percentiles(), slowest: named };
}
