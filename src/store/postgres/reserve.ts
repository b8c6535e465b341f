/** Counts what the job has used of the account's daily quota, so that bulk mail can leave a part of it to other mail. */
import type { Scope } from "../../deliver/source.ts";
import { bulkRoom } from "../rules/reserve.ts";
import type { Tx } from "./transaction.ts";

const USED = `select (
    select count(*) from sm.message m join sm.topic t on t.id = m.topic_id
    where m.sent_at > $1::bigint and t.endpoint = $2::text
  ) + (
    select count(*) from sm.message m join sm.topic t on t.id = m.topic_id
    where m.claimed_by is not null and m.state = 'sending' and t.endpoint = $2::text
  ) as used`;

/** How many bulk messages of the scope may be claimed at `now` (ms since the epoch); Infinity: any number. */
export async function bulkRoomOf(query: Tx["query"], { reserve, endpoint }: Scope, now: number): Promise<number> {
  if (reserve === undefined) return Infinity;
  const [row] = await query<{ used: number }>(USED, [Math.floor(now - reserve.ageMs), endpoint]);
  return bulkRoom(reserve, row?.used ?? 0);
}
