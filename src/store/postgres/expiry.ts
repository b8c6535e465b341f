/** Cancels what has expired, a part at a time. */
import { EXPIRE_PART, type ExpiredPart } from "../rules/expiry.ts";
import { EXPIRED } from "../rules/settle.ts";
import type { Counters } from "./state-counters.ts";
import type { Tx } from "./transaction.ts";

/** SQL that is true when a message has expired by an instant, an SQL expression of ms since the epoch. */
export const anyExpired = (now: string): string =>
  `exists (select 1 from sm.message e where e.state = 'pending' and e.expires_at <= ${now})`;

/** True when a message has expired by `now` (ms since the epoch). */
export async function hasExpired(query: Tx["query"], now: number): Promise<boolean> {
  const [row] = await query<{ any: boolean }>(`select ${anyExpired("$1::bigint")} as any`, [now]);
  return row?.any === true;
}

/** True when more have expired than one part holds, so that a look should not pass over all of them. */
export async function haveManyExpired(query: Tx["query"], now: number): Promise<boolean> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int8 as count from (select 1 from sm.message
     where state = 'pending' and expires_at <= $1::bigint order by expires_at limit ${EXPIRE_PART}) e`,
    [now],
  );
  return (row?.count ?? 0) >= EXPIRE_PART;
}

const SWEEP = `with due as materialized (
    select id from sm.message where state = 'pending' and expires_at <= $1::bigint order by expires_at limit ${EXPIRE_PART}),
  swept as (
    update sm.message m set state = 'cancelled', error = '${EXPIRED}' from due where m.id = due.id and m.state = 'pending'
    returning m.topic_id)
  select topic_id as "topicId", count(*)::int8 as count from swept group by 1`;

/** Cancels those that expired first, up to a bounded number. To be called inside a transaction that writes `counters` later. */
export async function sweepExpired(tx: Tx, counters: Counters): Promise<ExpiredPart> {
  const rows = await tx.query<{ topicId: number; count: number }>(SWEEP, [tx.now.wall]);
  for (const { topicId, count } of rows) counters.move(topicId, "pending", "cancelled", count);
  const sum = rows.reduce((total, { count }) => total + count, 0);
  return { byTopic: new Map(rows.map(({ topicId, count }) => [topicId, count])), more: sum >= EXPIRE_PART };
}
