/** Questions to the job file that change nothing. */
import { type Content, STATES, type State, type Totals } from "../../message.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/marks.ts";
import type { Connection } from "./connection.ts";
import type { ExportedMessage, SentCounts, TopicRow, Trouble } from "../store.ts";
import { fieldsOf, topicIdOf } from "./topics.ts";

const PAGE = 1_000;
const TOTAL = STATES.join(" + ");

type MessageRow = Omit<ExportedMessage, "fields"> & { id: number; fields: string };

export function createReader(db: Connection) {
  const one = db.prepare<[number], Totals>(`select ${TOTAL} as total, ${STATES.join(", ")} from topic where id = ?`);
  const all = db.prepare<[], Totals>(
    `select ifnull(sum(${TOTAL}), 0) as total, ${STATES.map((state) => `ifnull(sum(${state}), 0) as ${state}`).join(", ")} from topic`,
  );
  const topicRow = `select name as topic, not_before as notBefore, cancelled_at as cancelledAt, endpoint,
    first_sent_at as firstSentAt, last_sent_at as lastSentAt, reader_opens as readerOpens,
    machine_opens as machineOpens, clicks, ${TOTAL} as total, ${STATES.join(", ")}, ${EVENT_COUNTERS.join(", ")}
    from topic`;
  const rows = db.prepare<[], TopicRow>(`${topicRow} order by id`);
  const row = db.prepare<[string], TopicRow>(`${topicRow} where name = ?`);
  const sentCount = db
    .prepare<[number], number>("select count(*) from message indexed by message_sent where sent_at >= ?")
    .pluck();
  const troubleOf = (which: string) =>
    db.prepare<[{ topicId: number | null; limit: number }], Trouble>(
      `select m.id, t.name as topic, m.email, m.state, m.attempts, m.error
       from message m indexed by message_trouble join topic t on t.id = m.topic_id
       where m.state in ('failed', 'in_doubt') ${which} order by m.id desc limit @limit`,
    );
  const allTroubles = troubleOf("");
  const someTroubles = troubleOf("and m.topic_id = @topicId");
  const addressee = db.prepare<[number], { email: string; topic: string }>(
    "select m.email, t.name as topic from message m join topic t on t.id = m.topic_id where m.id = ?",
  );
  const since = db.prepare<[number], SentCounts & { topic: string }>(
    `select t.name as topic, s.* from (
       select topic_id, count(*) as sent, min(sent_at) as first, max(sent_at) as last,
         ${EVENT_COUNTERS.map((name) => `count(f.${MARK_OF[name]}) as ${name}`).join(", ")}
       from message m indexed by message_sent left join feedback f on f.message_id = m.id
       where sent_at >= ? group by topic_id
     ) s join topic t on t.id = s.topic_id`,
  );
  const ingestsOf = db.prepare<[number], { id: number; columns: string; first_id: number; last_id: number }>(
    "select id, columns, first_id, last_id from ingest where topic_id = ? order by id",
  );
  const page = db.prepare<[number, number, number, string], MessageRow>(
    `select id, email, state, attempts, m.ses_message_id as sesMessageId, error, sent_at as sentAt, fields,
       f.delivered_at as deliveredAt, ifnull(f.bounced_at, f.soft_bounced_at) as bouncedAt, f.bounce_type as bounceType,
       f.bounce_subtype as bounceSubtype, f.complained_at as complainedAt, f.opened_at as openedAt, f.clicked_at as clickedAt
     from message m left join feedback f on f.message_id = m.id
     where id > ? and id <= ? and topic_id = ? and state in (select value from json_each(?))
     order by id limit ${PAGE}`,
  );
  const body = db.prepare<[number], string>("select body from content where id = ?").pluck();
  const columnsOfIngest = db.prepare<[number], string>("select columns from ingest where id = ?").pluck();

  async function* messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage> {
    const topicId = topicIdOf(db, topic);
    const wanted = JSON.stringify(states ?? STATES);
    for (const ingest of ingestsOf.all(topicId)) {
      const columns = JSON.parse(ingest.columns) as string[];
      for (let after = ingest.first_id - 1; ;) {
        const found = page.all(after, ingest.last_id, topicId, wanted);
        for (const { id: _id, fields, ...row } of found) yield { ...row, fields: fieldsOf(columns, fields) };
        const last = found.at(-1);
        if (!last || found.length < PAGE) break;
        after = last.id;
      }
    }
  }

  return {
    totals: async (topic: string | null): Promise<Totals> => {
      const totals = topic === null ? all.get() : one.get(topicIdOf(db, topic));
      if (!totals) throw new Error("no totals");
      return totals;
    },
    topics: async () => rows.all(),
    topic: async (name: string): Promise<TopicRow | null> => row.get(name) ?? null,
    countSentSince: async (instant: number) => sentCount.get(instant) ?? 0,
    /** Throws UserError when there is no such topic. */
    troubles: async (topic: string | null, limit: number): Promise<Trouble[]> =>
      topic === null
        ? allTroubles.all({ topicId: null, limit })
        : someTroubles.all({ topicId: topicIdOf(db, topic), limit }),
    addressee: async (messageId: number) => addressee.get(messageId) ?? null,
    sentSince: async (instant: number) => new Map(since.all(instant).map(({ topic, ...counts }) => [topic, counts])),
    columns: async (topic: string) => {
      const names = ingestsOf.all(topicIdOf(db, topic)).flatMap((ingest) => JSON.parse(ingest.columns) as string[]);
      return [...new Set(names)];
    },
    messages,
    content: async (contentId: number): Promise<Content> => JSON.parse(body.get(contentId) ?? "") as Content,
    ingestColumns: async (ingestId: number) => JSON.parse(columnsOfIngest.get(ingestId) ?? "[]") as string[],
  };
}
