/** Removes messages for good, with all that is kept of them. */
import type { Removed } from "../rows.ts";
import { numbers } from "./arrays.ts";
import { lowerSql } from "./suppressed.ts";
import type { Tx } from "./transaction.ts";

const COUNT = `insert into sm.removed (topic_id, state, messages)
  select topic_id, state, count(*)::int8 from sm.message where id = any($1::bigint[]) group by 1, 2
  on conflict (topic_id, state) do update set messages = sm.removed.messages + excluded.messages`;

// Each lookup is a lateral one, so that no planner reads a whole table for it. What one address has in a topic is read once for all
// of its messages: it may have tens of thousands of them where mail has no topic.
const RECIPIENTS = `delete from sm.recipient r using (
    select k.address, k.topic_id, k.variant from (
      select distinct ${lowerSql("m.email")} as address, m.topic_id from unnest($1::bigint[]) w (id)
      cross join lateral (select email, topic_id from sm.message where id = w.id limit 1) m) who
    cross join lateral (select address, topic_id, variant from sm.recipient
      where address = who.address and topic_id = who.topic_id and message_id = any($1::bigint[]) offset 0) k) gone
  where r.address = gone.address and r.topic_id = gone.topic_id and r.variant = gone.variant`;

// Only what is gone whole: a uuid of several messages stays while one of them is there.
const UUIDS = `delete from sm.accepted_uuid a using (
    select distinct u.uuid from unnest($1::bigint[]) w (id)
    cross join lateral (select uuid, message_id as first, coalesce(last_message_id, message_id) as last from sm.accepted_uuid
      where message_id <= w.id order by message_id desc limit 1) u
    where w.id <= u.last and not exists (select 1 from sm.message m where m.id between u.first and u.last)) gone
  where a.uuid = gone.uuid`;

// A report has its broker in its key.
const REPORTS = `with gone as (delete from sm.reported where message_id = any($1::bigint[]) returning via, message_id)
  delete from sm.report r using gone where r.via = gone.via and r.message_id = gone.message_id`;

/**
 * Removes these messages. `withUuids`: also the uuids that name no other message. The counters of topics stay as they are; table
 * `removed` says how many of the messages that they count are gone.
 */
export async function removeMessages(
  tx: Tx,
  ids: readonly number[],
  { withUuids }: { withUuids: boolean },
): Promise<Removed> {
  if (ids.length === 0) return { messages: 0, events: 0 };
  const given = [numbers(ids)];
  const [, , events, messages] = await Promise.all([
    tx.run(COUNT, given),
    tx.run(RECIPIENTS, given),
    tx.run("delete from sm.event where message_id = any($1::bigint[])", given),
    tx.run("delete from sm.message where id = any($1::bigint[])", given),
    tx.run("delete from sm.feedback where message_id = any($1::bigint[])", given),
    tx.run("delete from sm.handed where message_id = any($1::bigint[])", given),
    tx.run(REPORTS, given),
    ...(withUuids ? [tx.run(UUIDS, given)] : []),
  ]);
  return { messages, events };
}
