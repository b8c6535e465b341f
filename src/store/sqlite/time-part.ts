/** Gives pending messages of a topic another time. */
import { expiresAtSql } from "../common-sql.ts";
import { timesOf } from "../move.ts";
import type { Reschedule } from "../rows.ts";
import type { Job } from "./connection.ts";
import type { Range } from "./ranges.ts";

const OPEN = `id between @first and @last and topic_id = @topicId and state = 'pending'
  and (expires_at is null or expires_at > @now)`;
type Where = Omit<Range, "columns"> & { now: number };

/**
 * Makes what gives the pending messages in some ranges their time, inside a transaction. What was to expire after a span expires after
 * it again, and what has expired is left as it is. It returns how many messages were moved.
 */
export function createTimePart({ db, clock }: Job, when: Reschedule): (ranges: readonly Range[]) => number {
  const set = `update message set not_before = @at,
    expires_at = iif(expires_in is null, expires_at, ${expiresAtSql("@at", "expires_in", "@now")})`;
  const all = db.prepare<[Where & { at: number }]>(`${set} where ${OPEN}`);
  const one = db.prepare<[{ id: number; at: number; now: number }]>(`${set} where id = @id`);
  const pending = db.prepare<[Where], { id: number; fields: string }>(`select id, fields from message where ${OPEN}`);
  const timeOf = timesOf(when);
  const move = ({ columns, ...range }: Range, now: number): number => {
    if (when.times === null) return all.run({ ...range, now, at: when.notBefore }).changes;
    const rows = pending.all({ ...range, now });
    for (const { id, fields } of rows) one.run({ id, at: timeOf(columns, fields), now });
    return rows.length;
  };
  return (ranges) => {
    const now = clock.now();
    return ranges.reduce((sum, each) => sum + move(each, now), 0);
  };
}
