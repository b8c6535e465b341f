/** Answers questions that change nothing. */
import { type Content, STATES, type State, type Totals } from "../../message.ts";
import type { Library } from "../../deliver/library.ts";
import type { ExportedMessage, FailedMessage, SentCounts, TopicRow } from "../rows.ts";
import type { Reader, Topics } from "../store.ts";
import type { Connection, Job } from "./connection.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/event-counters.ts";
import { columnsOf } from "../fields.ts";
import { topicIdOf } from "./topic-ids.ts";
import { createTopicPages } from "./topic-pages.ts";

/** How many messages an export reads at a time. */
const PAGE = 1_000;
const TOTAL = STATES.join(" + ");

type TopicReader = Pick<
  Topics,
  "totals" | "topics" | "topicPage" | "countTopics" | "topicsWithAnswers" | "paused" | "topic" | "columns"
>;
type SentReader = Pick<Reader, "sentWithin" | "countSentWithin">;
type MessageReader = Pick<Reader, "messages" | "failedMessages">;

/** Makes the parts of the store that only read, except the breakdown. */
export function createReader(job: Job): TopicReader & SentReader & MessageReader & Omit<Library, "jobId"> {
  const { db } = job;
  return { ...createTopicReader(job), ...createSentReader(job), ...createMessageReader(db), ...createLibrary(db) };
}

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
  const topicRow = `select name as topic, not_before as notBefore, cancelled_at as cancelledAt, endpoint,
    case when paused_until is null or paused_until > @now then paused_at end as pausedAt,
    case when paused_until > @now then paused_until end as pausedUntil,
    called_at as calledAt, afresh_at as afreshAt, pruned_at as prunedAt,
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
    async columns(topic) {
      const names = columns.all(topicIdOf(db, topic)).flatMap((list) => JSON.parse(list) as string[]);
      return [...new Set(names)];
    },
  };
}

/** What was sent lately, read along the index of `sent_at`. */
function createSentReader({ db, clock }: Job): SentReader {
  const total = db
    .prepare<[number], number>("select count(*) from message indexed by message_sent where sent_at >= ?")
    .pluck();
  const byTopic = db.prepare<[number], SentCounts & { topic: string }>(
    `select t.name as topic, s.* from (
       select topic_id, count(*) as sent, min(sent_at) as first, max(sent_at) as last,
         ${EVENT_COUNTERS.map((name) => `count(f.${MARK_OF[name]}) as ${name}`).join(", ")}
       from message m indexed by message_sent left join feedback f on f.message_id = m.id
       where sent_at >= ? group by topic_id
     ) s join topic t on t.id = s.topic_id`,
  );
  return {
    countSentWithin: async (ms) => total.get(clock.now() - ms) ?? 0,
    sentWithin: async (ms) =>
      new Map(byTopic.all(clock.now() - ms).map(({ topic, ...counts }) => [topic, counts] as const)),
  };
}

function createMessageReader(db: Connection): MessageReader {
  const failedOf = (which: string) =>
    db.prepare<[{ topicId: number | null; limit: number }], FailedMessage>(
      `select m.id, t.name as topic, m.email, m.state, m.attempts, m.error
       from message m indexed by message_trouble join topic t on t.id = m.topic_id
       where m.state in ('failed', 'in_doubt') ${which} order by m.id desc limit @limit`,
    );
  const failed = failedOf("");
  const failedOfTopic = failedOf("and m.topic_id = @topicId");
  return {
    messages: createExport(db),
    failedMessages: async (topic, limit) =>
      topic === null
        ? failed.all({ topicId: null, limit })
        : failedOfTopic.all({ topicId: topicIdOf(db, topic), limit }),
  };
}

/** The columns of an exported message, in the order of `PageRow`. */
const PAGE_COLUMNS = `id, email, state, attempts, m.ses_message_id, error, sent_at, f.delivered_at, ifnull(f.bounced_at, f.soft_bounced_at),
  f.bounce_type, f.bounce_subtype, f.complained_at, f.opened_at, f.reader_opened_at, f.clicked_at, f.unsubscribed_at, fields`;

type Text = string | null;
type Time = number | null;
/** Rows as arrays are read in half the time of rows as objects. */
type PageRow = [
  id: number,
  email: string,
  state: State,
  attempts: number,
  sesMessageId: Text,
  error: Text,
  sentAt: Time,
  deliveredAt: Time,
  bouncedAt: Time,
  bounceType: Text,
  bounceSubtype: Text,
  complainedAt: Time,
  openedAt: Time,
  readerOpenedAt: Time,
  clickedAt: Time,
  unsubscribedAt: Time,
  fields: string,
];

/** Reads page by page along the id ranges of the topic, so that memory does not grow with it. */
function createExport(db: Connection): Reader["messages"] {
  const lists = db.prepare<[number], { columns: string; first_id: number; last_id: number }>(
    "select columns, first_id, last_id from ingest where topic_id = ? order by id",
  );
  const page = db
    .prepare<[number, number, number, string]>(
      `select ${PAGE_COLUMNS} from message m left join feedback f on f.message_id = m.id
       where id > ? and id <= ? and topic_id = ? and state in (select value from json_each(?)) order by id limit ${PAGE}`,
    )
    .raw();
  return async function* messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage[]> {
    const topicId = topicIdOf(db, topic);
    const wanted = JSON.stringify(states ?? STATES);
    for (const list of lists.all(topicId)) {
      const columns = JSON.parse(list.columns) as string[];
      for (let after = list.first_id - 1; ;) {
        const found = page.all(after, list.last_id, topicId, wanted) as PageRow[];
        if (found.length > 0) yield found.map((row) => exported(row, columns));
        const last = found.at(-1);
        if (!last || found.length < PAGE) break;
        [after] = last;
      }
    }
  };
}

function createLibrary(db: Connection): Omit<Library, "jobId"> {
  const body = db.prepare<[number], string>("select body from content where id = ?").pluck();
  const columns = db.prepare<[number], string>("select columns from ingest where id = ?").pluck();
  return {
    content: async (contentId) => JSON.parse(body.get(contentId) ?? "") as Content,
    listColumns: async (ingestId) => JSON.parse(columns.get(ingestId) ?? "[]") as string[],
  };
}

function exported(row: PageRow, columns: readonly string[]): ExportedMessage {
  const [, email, state, attempts, sesMessageId, error, sentAt, deliveredAt, bouncedAt, bounceType, ...more] = row;
  const [bounceSubtype, complainedAt, openedAt, readerOpenedAt, clickedAt, unsubscribedAt, fields] = more;
  return {
    email,
    state,
    attempts,
    sesMessageId,
    error,
    sentAt,
    deliveredAt,
    bouncedAt,
    bounceType,
    bounceSubtype,
    complainedAt,
    openedAt,
    readerOpenedAt,
    clickedAt,
    unsubscribedAt,
    fields: columnsOf(columns, fields),
  };
}
