/** Reads topics and their counters. */
import { STATES, type Totals } from "../../message.ts";
import { readCursor } from "../cursor.ts";
import type { TopicFilter, TopicRow } from "../rows.ts";
import { EVENT_COUNTERS } from "../rules/event-counters.ts";
import { shownTimeSql } from "../rules/topic-time.ts";
import type { Topics } from "../store.ts";
import { nameForms } from "../topic-name.ts";
import { TOPIC } from "./admitting.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { storable } from "./storable.ts";
import { isStorable, topicIdOf } from "./topic-ids.ts";
import { firstAtOnce, TIMED } from "./waiting-index.ts";

type TopicReader = Pick<
  Topics,
  "totals" | "topics" | "topicPage" | "countTopics" | "topicsWithAnswers" | "paused" | "moving" | "topic" | "columns"
>;

const TOTAL = STATES.map((state) => `c.${state}`).join(" + ");

/** A scalar and no `exists`, which may be answered from a table of all that waits. */
const SHOWN_TIME = shownTimeSql(
  { pending: "c.pending", notBefore: "t.not_before", now: "$1::bigint" },
  {
    hasTimed: `(select 1 from sm.message m where ${TIMED} and m.topic_id = t.id limit 1) is not null`,
    hasAtOnce: `(select 1 from generate_series(1, 10) p (priority) cross join lateral (${firstAtOnce("p.priority", "t.id")}) m limit 1) is not null`,
    firstTimed: `select min(m.not_before) as first from generate_series(1, 10) p (priority) cross join lateral (
      select m.not_before from sm.message m where ${TIMED} and m.topic_id = t.id and m.priority = p.priority
      order by m.not_before limit 1) m`,
  },
);

/** The columns of a `TopicRow`. $1 is the time now. */
const ROW = `t.name as topic, ${SHOWN_TIME} as "notBefore", t.cancelled_at as "cancelledAt", t.endpoint,
  case when t.paused_until is null or t.paused_until > $1 then t.paused_at end as "pausedAt",
  case when t.paused_until > $1 then t.paused_until end as "pausedUntil",
  case when t.moving_at is null then null when t.moving_to::json ->> 'content' is null then 'time' else 'content' end as moving, t.called_at as "calledAt", t.afresh_at as "afreshAt", t.pruned_at as "prunedAt",
  (select coalesce(sum(messages), 0)::int8 from sm.removed where topic_id = t.id) as removed, c.first_sent_at as "firstSentAt", c.last_sent_at as "lastSentAt",
  t.reported_at as "reportedAt", t.tracks_opens as "tracksOpens", t.tracks_clicks as "tracksClicks",
  c.reader_opens as "readerOpens", c.machine_opens as "machineOpens", c.clicks, ${TOTAL} as total,
  ${[...STATES, ...EVENT_COUNTERS].map((name) => `c.${name}`).join(", ")}`;

/** The topic of this name; null: there is none. `now` is in ms since the epoch. */
export async function topicRow(query: Tx["query"], name: string, now: number): Promise<TopicRow | null> {
  if (!isStorable(name)) return null;
  const [row] = await query<TopicRow>(`select ${ROW} from ${TOPIC} where t.name = $2`, [now, name]);
  return row ?? null;
}

/** Makes the part of the store that reads topics and their counters. */
export function createTopicReader(job: Job): TopicReader {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const rows = (rest: string, ...values: unknown[]) =>
    ask<TopicRow>(`select ${ROW} from ${TOPIC} ${rest}`, [job.time.now().wall, ...values]);
  return {
    totals: async (topic) => totalsOf(ask, topic === null ? null : await topicIdOf(ask, topic, job.name)),
    topics: () => rows("order by t.id"),
    topicPage: (page) => topicPage(ask, page, job.time.now().wall),
    async countTopics() {
      const [row] = await ask<{ count: number }>("select count(*)::int8 as count from sm.topic");
      return row?.count ?? 0;
    },
    topicsWithAnswers: (answers) =>
      rows("where c.pending > 0 and c.delivered + c.bounced_permanent >= $2 order by t.id", Math.ceil(answers)),
    topic: (name) => topicRow(ask, name, job.time.now().wall),
    paused: () =>
      rows("where t.paused_at is not null and (t.paused_until is null or t.paused_until > $1) order by t.id"),
    moving: () => rows("where t.moving_at is not null order by t.id"),
    async columns(topic) {
      const lists = await ask<{ columns: string }>(
        "select columns from sm.ingest where topic_id = $1 group by columns order by min(id)",
        [await topicIdOf(ask, topic, job.name)],
      );
      return [...new Set(lists.flatMap(({ columns }) => JSON.parse(columns) as string[]))];
    },
  };
}

/** Sums over the counters, as there is no row of totals that all writers would have to share. 100,000 topics take some hundredths of a second. */
async function totalsOf(ask: Tx["query"], topicId: number | null): Promise<Totals> {
  const sums = STATES.map((state) => `coalesce(sum(c.${state}), 0)::int8 as ${state}`).join(", ");
  const [row] = await ask<Totals>(
    `select coalesce(sum(${TOTAL}), 0)::int8 as total, ${sums} from sm.topic_count c
     ${topicId === null ? "" : "where c.topic_id = $1"}`,
    topicId === null ? [] : [topicId],
  );
  if (row === undefined) throw new Error("no totals");
  return row;
}

/** Pages go along the ids, which topics get in the order in which they are made. */
async function topicPage(
  ask: Tx["query"],
  { order, after, limit, only = {} }: Parameters<Topics["topicPage"]>[0],
  now: number,
): ReturnType<Topics["topicPage"]> {
  const isOldest = order === "oldest first";
  const from = after === null ? null : Number(readCursor(after, /^(\d{1,9})$/)[0]);
  const { condition, values } = conditionOf(only, 4);
  const found = await ask<TopicRow & { id: number }>(
    `select t.id, ${ROW} from ${TOPIC} where ${isOldest ? "t.id > $2 and c.topic_id > $2" : "t.id < $2 and c.topic_id < $2"} ${condition}
     order by t.id ${isOldest ? "" : "desc"} limit $3`,
    [now, from ?? (isOldest ? 0 : MOST_ID), limit + 1, ...values],
  );
  const rows = found.slice(0, limit).map(({ id: _id, ...row }) => row);
  return { rows, next: found.length > limit ? String(found[limit - 1]?.id) : null };
}

/** The filter in SQL; its values are numbered from `first` on. */
function conditionOf({ named, endpoint, waits, inDoubt }: TopicFilter, first: number) {
  const values: string[] = named === undefined ? [] : nameForms(storable(named));
  // `like` would not do, because % and _ are ordinary characters of a name.
  const names = values.map((_form, index) => `position($${first + index}::text in lower(t.name)) > 0`);
  const conditions = [
    ...(names.length === 0 ? [] : [`(${names.join(" or ")})`]),
    ...(endpoint === undefined ? [] : [`t.endpoint = $${first + values.length}`]),
    ...(waits === true ? ["c.pending > 0"] : []),
    ...(inDoubt === true ? ["c.in_doubt > 0"] : []),
  ];
  if (endpoint !== undefined) values.push(endpoint);
  return { condition: conditions.map((each) => `and ${each}`).join(" "), values };
}

/** The largest number that the column takes. */
const MOST_ID = 2_147_483_647;
