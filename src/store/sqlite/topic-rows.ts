/** Reads topics and their counters. */
import { STATES, type Totals } from "../../message.ts";
import type { TopicRow } from "../rows.ts";
import { EVENT_COUNTERS } from "../rules/event-counters.ts";
import { shownTimeSql } from "../rules/topic-time.ts";
import type { Topics } from "../store.ts";
import type { Job } from "./connection.ts";
import { topicIdOf } from "./topic-ids.ts";
import { createTopicPages } from "./topic-pages.ts";

type TopicReader = Pick<
  Topics,
  "totals" | "topics" | "topicPage" | "countTopics" | "topicsWithAnswers" | "paused" | "moving" | "topic" | "columns"
>;
const TOTAL = STATES.join(" + ");

/** The priorities, as rows. Of each the first message is found by a seek; a minimum over all would read every index entry. */
const EACH_PRIORITY = "json_each('[1,2,3,4,5,6,7,8,9,10]') p";
const TIMED =
  "from message indexed by message_timed_topic where state = 'pending' and not_before <> 0 and topic_id = topic.id";
const SHOWN_TIME = shownTimeSql(
  { pending: "pending", notBefore: "topic.not_before", now: "@now" },
  {
    hasTimed: `exists (select 1 ${TIMED})`,
    hasAtOnce: `exists (select 1 from ${EACH_PRIORITY} cross join message indexed by message_at_once
      where state = 'pending' and not_before = 0 and priority = p.value and topic_id = topic.id)`,
    firstTimed: `select min((select not_before ${TIMED} and priority = p.value order by not_before limit 1)) as first from ${EACH_PRIORITY}`,
  },
);

/** A row of the table `topic`, in which yes and no are 1 and 0. */
type TopicRecord = Omit<TopicRow, "tracksOpens" | "tracksClicks"> & { tracksOpens: 0 | 1; tracksClicks: 0 | 1 };

/** Changes the record itself, because there may be a hundred thousand of them. */
function topicOf(record: TopicRecord): TopicRow {
  const row = record as unknown as TopicRow;
  row.tracksOpens = record.tracksOpens === 1;
  row.tracksClicks = record.tracksClicks === 1;
  return row;
}

/** Makes the part that reads topics and their counters. */
export function createTopicReader({ db, clock }: Pick<Job, "db" | "clock">): TopicReader {
  const one = db.prepare<[number], Totals>(`select ${TOTAL} as total, ${STATES.join(", ")} from topic where id = ?`);
  const all = db.prepare<[], Totals>(`select ${TOTAL} as total, ${STATES.join(", ")} from tally`);
  const topicRow = `select name as topic, ${SHOWN_TIME} as notBefore, cancelled_at as cancelledAt, endpoint,
    case when paused_until is null or paused_until > @now then paused_at end as pausedAt,
    case when paused_until > @now then paused_until end as pausedUntil,
    case when moving_at is null then null when moving_to ->> '$.content' is null then 'time' else 'content' end as moving, called_at as calledAt, afresh_at as afreshAt, pruned_at as prunedAt,
    (select ifnull(sum(messages), 0) from removed where topic_id = topic.id) as removed, first_sent_at as firstSentAt, last_sent_at as lastSentAt, reported_at as reportedAt, tracks_opens as tracksOpens,
    tracks_clicks as tracksClicks, reader_opens as readerOpens, machine_opens as machineOpens, clicks,
    ${TOTAL} as total, ${STATES.join(", ")}, ${EVENT_COUNTERS.join(", ")} from topic`;
  const rows = db.prepare<[{ now: number }], TopicRecord>(`${topicRow} order by id`);
  const row = db.prepare<[{ now: number; name: string }], TopicRecord>(`${topicRow} where name = @name`);
  const count = db.prepare<[], number>("select topics from tally").pluck();
  // Uses the index `topic_judged` when `answers` is the number that the index was made for.
  const answered = (answers: number) =>
    db.prepare<[{ now: number }], TopicRecord>(
      `${topicRow} where pending > 0 and delivered + bounced_permanent >= ${Math.ceil(answers)} order by id`,
    );
  let judged: { answers: number; find: ReturnType<typeof answered> } | null = null;
  const paused = db.prepare<[{ now: number }], TopicRecord>(
    `${topicRow} indexed by topic_paused where paused_at is not null and (paused_until is null or paused_until > @now) order by id`,
  );
  const moving = db.prepare<[{ now: number }], TopicRecord>(
    `${topicRow} indexed by topic_moving where moving_at is not null order by id`,
  );
  const columns = db.prepare<[number], string>("select columns from ingest where topic_id = ? order by id").pluck();
  return {
    async totals(topic) {
      const totals = topic === null ? all.get() : one.get(topicIdOf(db, topic));
      if (!totals) throw new Error("no totals");
      return totals;
    },
    topics: async () => rows.all({ now: clock.now() }).map(topicOf),
    topicPage: createTopicPages({ db, clock }, { topicRow, topicOf }),
    countTopics: async () => count.get() ?? 0,
    async topicsWithAnswers(answers) {
      if (judged?.answers !== answers) judged = { answers, find: answered(answers) };
      return judged.find.all({ now: clock.now() }).map(topicOf);
    },
    async topic(name) {
      const found = row.get({ now: clock.now(), name });
      return found ? topicOf(found) : null;
    },
    paused: async () => paused.all({ now: clock.now() }).map(topicOf),
    moving: async () => moving.all({ now: clock.now() }).map(topicOf),
    async columns(topic) {
      const names = columns.all(topicIdOf(db, topic)).flatMap((list) => JSON.parse(list) as string[]);
      return [...new Set(names)];
    },
  };
}
