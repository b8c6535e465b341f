/** Which topics of a scope may be sent from now, in SQL. */
import type { Scope } from "../../deliver/source.ts";

/** The values of `OPEN`, in this order. */
export function scopeValues(scope: Scope, now: number): [now: number, endpoint: string, held: string[]] {
  return [now, scope.endpoint, [...(scope.held ?? [])]];
}

/**
 * SQL that is true when nothing but a pause or a move can keep mail of topic `t` with counters `c` from being sent: `admit` of
 * `rules/admit.ts` for mail that is there already. $2 is the endpoint of the scope, $3 the names of the topics that are held.
 */
const ADMITTED = `t.cancelled_at is null and t.name <> all ($3::text[]) and case
    when t.endpoint is null then true
    when t.endpoint = 'sandbox' then $2::text = 'sandbox' and t.afresh_at is null
    else $2::text <> 'sandbox' or (t.called_at is null and c.sending = 0) end`;

/** The same for mail that is not being given another time or content. */
const OPEN_BUT_FOR_PAUSE = `${ADMITTED} and t.moving_at is null`;

/** `pauseLeftMs` of `rules/pause.ts`. $1 is the time, ms since the epoch. A pause without an end makes it null. */
const NOT_PAUSED = "(t.paused_at is null or t.paused_until <= $1::bigint)";
const OPEN = `${OPEN_BUT_FOR_PAUSE} and ${NOT_PAUSED}`;

/** SQL that is true when only a move keeps a topic with pending mail from being sent. `and` is a further condition on topic `t`. */
export const anyMoving = (and: string): string =>
  `exists (select 1 from sm.topic t join sm.topic_count c on c.topic_id = t.id
    where t.moving_at is not null and c.pending > 0 and ${ADMITTED} and ${NOT_PAUSED} and ${and})`;

/**
 * A query of the topic whose id or name is the SQL expression, with its `id` and `endpoint`; it finds nothing when mail of it may
 * not be sent. The offset keeps the planner from looking at all topics at once.
 */
export const openTopic = (column: "id" | "name", expression: string): string =>
  `select t.id, t.endpoint from sm.topic t join sm.topic_count c on c.topic_id = t.id
   where t.${column} = ${expression} and ${OPEN} offset 0`;

/**
 * A query of the topics with pending mail that only a pause keeps from being sent which ends by itself: their `id` and `until` (ms
 * since the epoch). `and` is a further condition on topic `t`.
 */
export const pausedTopics = (and: string): string =>
  `select t.id, t.paused_until as until from sm.topic t join sm.topic_count c on c.topic_id = t.id
   where t.paused_at is not null and t.paused_until > $1::bigint and c.pending > 0 and ${OPEN_BUT_FOR_PAUSE} and ${and}`;
