/** Counts what the job has used of the account's daily quota, so that bulk mail can leave a part of it to other mail. */
import type { Scope } from "../../deliver/source.ts";
import { bulkRoom } from "../rules/reserve.ts";
import type { Connection } from "./connection.ts";

/** Makes a function that says how many bulk messages of a scope may be claimed at `now` (ms since the epoch); Infinity: any number. */
export function createBulkRoom(db: Connection): (scope: Scope, now: number) => number {
  const sentSince = db
    .prepare<[number, string], number>(
      `select count(*) from message m indexed by message_sent
       where m.sent_at > ? and (select endpoint from topic where id = m.topic_id) = ?`,
    )
    .pluck();
  const inFlight = db
    .prepare<[string], number>(
      `select count(*) from message m indexed by message_sending
       where m.state = 'sending' and (select endpoint from topic where id = m.topic_id) = ?`,
    )
    .pluck();
  return ({ reserve, endpoint }, now) => {
    if (reserve === undefined) return Infinity;
    const since = Math.floor(now - reserve.ageMs);
    return bulkRoom(reserve, (sentSince.get(since, endpoint) ?? 0) + (inFlight.get(endpoint) ?? 0));
  };
}
