/**
 * SQL that reads the indexes of what waits (`message_at_once`, `message_timed` and `message_timed_topic` in schema.ts). Each row is
 * found by a seek, so the cost does not depend on how much waits for later, or in topics that may not be sent.
 *
 * Values: $1 to $3 are those of `scopeValues`, $4 and $5 the ends of the spans of `notBefore` that are looked at. The first one is what
 * goes at once, from 0 to 0.
 */
import { openTopic } from "./sendable.ts";

/** Which topics a statement looks at: all that may be sent, or one, whose name is the value with this number. */
export type Where = "all" | { name: `$${number}` };

/** SQL of messages `m` that go at once, and of those that do not. */
const AT_ONCE = "m.state = 'pending' and m.not_before = 0";
/** The condition of the indexes of what has a time or has to wait, about message `m`. */
export const TIMED = "m.state = 'pending' and m.not_before <> 0";

/** What is read of a message. */
const COLUMNS =
  "m.id, m.topic_id, m.content_id, m.ingest_id, m.email, m.fields, m.attempts, m.not_before, m.expires_at";

/** SQL that is true when message `m` has not expired. */
const ALIVE = "(m.expires_at is null or m.expires_at > $1::bigint)";

/**
 * SQL for `column = value` that looks like a range to the planner, so that an order by that column and the next of its index is not
 * one by the next alone. It would walk through all messages by their ids for that, and pass over all that were ever sent.
 */
const only = (column: string, value: string): string => `${column} between ${value} and ${value}`;

/** After so many topics that may not be sent, the walk through what had to wait passes over those it knows instead of seeking. */
const MOST_SEEKS = 64;

/**
 * A query of the first `limit` messages of each span that have the priority and may be sent: the number of the `span` from 0 on, the
 * `endpoint` of their topic, and `COLUMNS`. Within a span they come in the order of the index. Both arguments are SQL expressions.
 *
 * $6 to $8 are a place in the index for each span: `not_before`, topic and id of a message. When $9 is the priority, only what comes
 * after those places is looked at. What has expired at $1 is left out; with `all` it is not, so that nothing has to be passed over.
 */
export function streams(where: Where, priority: string, limit: string, alive: "alive" | "all" = "alive"): string {
  const condition = alive === "alive" ? ALIVE : "true";
  if (where !== "all") return ofOne(where.name, priority, limit, condition);
  return `${allAtOnce(priority, limit, condition)} union all ${allTimed(priority, limit, condition)}`;
}

/** The place of what goes at once, and that of the span `s`, as `f`. */
const atOnceFrom = (priority: string): string =>
  `(select case when ${priority} = $9::int then ($7::int[])[1] else 0 end as topic_id,
     case when ${priority} = $9::int then ($8::bigint[])[1] else 0 end as id) f`;
const SPANS =
  "unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::bigint[]) with ordinality s (lo, hi, not_before, topic_id, id, at)";
const timedFrom = (priority: string): string =>
  `lateral (select case when ${priority} = $9::int then s.not_before else s.lo end as not_before,
     case when ${priority} = $9::int then s.topic_id else 0 end as topic_id,
     case when ${priority} = $9::int then s.id else 0 end as id) f`;

/** By topic and order of arrival. A topic that may not be sent costs one seek. */
const allAtOnce = (priority: string, limit: string, alive: string): string => `(
  select 0 as span, o.endpoint, m.* from ${atOnceFrom(priority)} cross join lateral (
    with recursive place as (
      (select m.topic_id from sm.message m
        where ${AT_ONCE} and m.priority = ${priority} and (m.topic_id, m.id) > (f.topic_id, f.id)
        order by m.topic_id, m.id limit 1)
      union all
      select n.topic_id from place cross join lateral (
        select m.topic_id from sm.message m where ${AT_ONCE} and m.priority = ${priority} and m.topic_id > place.topic_id
        order by m.topic_id limit 1) n
    ) select topic_id from place) place
  cross join lateral (${openTopic("id", "place.topic_id")}) o
  cross join lateral (
    select ${COLUMNS} from sm.message m
    where ${AT_ONCE} and m.priority = ${priority} and m.topic_id <= place.topic_id
      and (m.topic_id, m.id) > (place.topic_id, case when place.topic_id = f.topic_id then f.id else 0 end) and ${alive}
      order by m.topic_id, m.id limit ${limit}) m
  limit ${limit})`;

/**
 * By time, topic and order of arrival. Messages with the same time and topic lie together, so one seek passes over those of a topic
 * that may not be sent. When its messages all have times of their own, that would be a seek for each, so after a while they are
 * passed over one entry after the other.
 */
const allTimed = (priority: string, limit: string, alive: string): string => `(
  select s.at::int - 1 as span, m.* from ${SPANS} cross join ${timedFrom(priority)}
  cross join lateral (
    with recursive step as (
      select n.not_before, n.topic_id, o.id is not null as is_open, o.endpoint, 0 as seeks, array[]::int[] as closed
      from (select m.not_before, m.topic_id from sm.message m
        where ${TIMED} and m.priority = ${priority} and m.not_before <= s.hi
          and (m.not_before, m.topic_id, m.id) > (f.not_before, f.topic_id, f.id)
        order by m.not_before, m.topic_id, m.id limit 1) n
      left join lateral (${openTopic("id", "n.topic_id")}) o on true
      union all
      select n.not_before, n.topic_id, o.id is not null, o.endpoint,
        step.seeks + case when step.is_open then 0 else 1 end,
        case when step.is_open or step.topic_id = any (step.closed) then step.closed else step.closed || step.topic_id end
      from step cross join lateral (
        select m.not_before, m.topic_id from sm.message m
        where ${TIMED} and m.priority = ${priority} and m.not_before <= s.hi
          and (m.not_before, m.topic_id) > (step.not_before, step.topic_id)
          and (step.seeks < ${MOST_SEEKS} or m.topic_id <> all (step.closed))
        order by m.not_before, m.topic_id limit 1) n
      left join lateral (${openTopic("id", "n.topic_id")}) o on true
    )
    select step.endpoint, m.* from step cross join lateral (
      select ${COLUMNS} from sm.message m
      where ${TIMED} and m.priority = ${priority} and m.topic_id = step.topic_id and m.not_before <= step.not_before
        and (m.not_before, m.id) > (step.not_before,
          case when (step.not_before, step.topic_id) = (f.not_before, f.topic_id) then f.id else 0 end) and ${alive}
      order by m.not_before, m.id limit ${limit}) m
    where step.is_open limit ${limit}) m
  where s.at > 1)`;

const ofOne = (name: string, priority: string, limit: string, alive: string): string => `(
  select 0 as span, o.endpoint, m.* from (${openTopic("name", name)}) o cross join ${atOnceFrom(priority)}
  cross join lateral (
    select ${COLUMNS} from sm.message m
    where ${AT_ONCE} and m.priority = ${priority} and m.topic_id <= o.id and (m.topic_id, m.id) > (o.id, f.id) and ${alive}
      order by m.topic_id, m.id limit ${limit}) m)
  union all (
  select s.at::int - 1 as span, o.endpoint, m.* from (${openTopic("name", name)}) o
  cross join ${SPANS} cross join ${timedFrom(priority)}
  cross join lateral (
    select ${COLUMNS} from sm.message m
    where ${TIMED} and m.topic_id = o.id and m.priority = ${priority} and m.not_before <= s.hi
      and (m.not_before, m.id) > (f.not_before, f.id) and ${alive}
      order by m.not_before, m.id limit ${limit}) m
  where s.at > 1)`;

/** An expression for the highest priority below another one that has pending messages; null: there is none. */
export function priorityBelow(where: Where, below: string): string {
  if (where !== "all") return priorityOfOne(where.name, below);
  const highest = (pending: string) =>
    `(select m.priority from sm.message m where ${pending} and m.priority < ${below} order by m.priority desc limit 1)`;
  return `greatest(${highest(AT_ONCE)}, ${highest(TIMED)})`;
}

const priorityOfOne = (name: string, below: string): string => `(
  select max(p.priority) from generate_series(1, 10) p (priority) cross join (select id from sm.topic where name = ${name}) t
  where p.priority < ${below} and coalesce((${firstAtOnce("p.priority", "t.id")}), (
    select m.not_before from sm.message m where ${TIMED} and m.priority = p.priority and m.topic_id = t.id
    order by m.not_before limit 1)) is not null)`;

/** A query of 0 when a topic has messages of a priority that go at once; both are SQL expressions. */
export const firstAtOnce = (priority: string, topic: string): string =>
  `select 0::bigint as not_before from sm.message m
   where ${AT_ONCE} and m.priority = ${priority} and ${only("m.topic_id", topic)} order by m.topic_id, m.id limit 1`;

/**
 * A query of the earliest `not_before` of topics in spans. $1 to $4 are the ids of topics, the ends of the spans, and numbers; each row
 * has a number as `at`, and the earliest of its span. What goes at once is in the span from 0 to 0.
 */
export const EARLIEST = `select a.at, min(m.not_before) as "notBefore"
  from unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[]) a (topic_id, lo, hi, at)
  cross join generate_series(1, 10) p (priority)
  cross join lateral (
    (select m.not_before from sm.message m
      where ${TIMED} and m.topic_id = a.topic_id and m.priority = p.priority and m.not_before between a.lo and a.hi
      order by m.not_before limit 1)
    union all
    select * from (${firstAtOnce("p.priority", "a.topic_id")}) m where a.lo = 0 and a.hi = 0) m
  group by a.at`;

/** A query of how many messages each span has that have not expired, as `count` beside `span`. It reads an index entry for each. */
export function counting(where: Where): string {
  const topic = where === "all" ? "" : `and m.topic_id = (select id from sm.topic where name = ${where.name})`;
  return `with counted as (
      select 0 as span, m.topic_id, count(*) as count from sm.message m where ${AT_ONCE} ${topic} group by m.topic_id
      union all
      select s.at::int - 1, m.topic_id, count(*) from unnest($4::bigint[], $5::bigint[]) with ordinality s (lo, hi, at)
      join sm.message m on ${TIMED} and m.priority = any (array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        and s.at > 1 and m.not_before between s.lo and s.hi ${topic}
      group by s.at, m.topic_id
      union all
      select s.at::int - 1, m.topic_id, -count(*) from unnest($4::bigint[], $5::bigint[]) with ordinality s (lo, hi, at)
      join sm.message m on m.state = 'pending' and m.expires_at <= $1::bigint and m.not_before between s.lo and s.hi ${topic}
      group by s.at, m.topic_id
    ) select counted.span, sum(counted.count)::int8 as count
    from counted cross join lateral (${openTopic("id", "counted.topic_id")}) o group by counted.span`;
}

/**
 * Settings for statements of this file, and others that look up rows of large tables. Such a statement is planned once for a connection,
 * because to plan it takes longer than to run it. The tables may have been nearly empty then, so it must find rows by index in any
 * case.
 */
const SEEKING = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_sort: "off",
  jit: "off",
  plan_cache_mode: "force_generic_plan",
};

/** Statements that make the settings for a transaction. */
export const SEEK = Object.entries(SEEKING)
  .map(([name, value]) => `set local ${name} = ${value}`)
  .join("; ");
