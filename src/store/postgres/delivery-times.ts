/** Measures how long mails took from the time SES accepted them to the time the recipient's server did. */
import type { DeliveryTimes } from "../breakdown.ts";
import { createSlowest, createTimes, type Slow } from "../rules/delivery-times.ts";
import type { Tx } from "./transaction.ts";
import type { Part } from "./ranges.ts";
import type { Walk } from "./walk.ts";

/**
 * Times of a part: how many deliveries took each, and which are among the $3 slowest of the part. Both times are of SES, so that a
 * difference between our clock and theirs does not matter. `sent_at`, which is the database's, stands in when SES did not say when it
 * accepted the mail (legacy notifications may not).
 */
const timesOf = ({
  has,
}: Part): string => `select ms, count(*)::int8 as count, array_agg(id::float8 order by id) filter (where place <= $3) as slowest
  from (
    select id, ms, row_number() over (order by ms desc, id) as place from (
      select f.message_id as id, greatest(0, f.delivered_at - coalesce(f.mailed_at, m.sent_at)) as ms
      from sm.feedback f join sm.message m on m.id = f.message_id
      where ${has("f.message_id")} and f.delivered_at > 0 and coalesce(f.mailed_at, m.sent_at) is not null
    ) took
  ) placed group by ms`;

/** Measures the delivered messages that `walk` visits, and names the `limit` slowest. */
export async function readDeliveryTimes(query: Tx["query"], walk: Walk, limit: number): Promise<DeliveryTimes> {
  const times = createTimes();
  const slowest = createSlowest(limit);
  for await (const rows of walk<{ ms: number; count: number; slowest: number[] | null }>(timesOf, limit))
    for (const { ms, count, slowest: ids } of rows) {
      times.add(ms, count);
      if (ids !== null && slowest.takes(ms)) slowest.add(ids.map((id): Slow => ({ id, ms })));
    }
  return { ...times.percentiles(), slowest: await named(query, slowest.all()) };
}

async function named(query: Tx["query"], slowest: readonly Slow[]): Promise<DeliveryTimes["slowest"]> {
  const rows = await query<{ id: number; email: string }>("select id, email from sm.message where id = any($1)", [
    slowest.map(({ id }) => id),
  ]);
  const emails = new Map(rows.map(({ id, email }) => [id, email]));
  return slowest.map(({ id, ms }) => ({ email: emails.get(id) ?? "", ms }));
}
