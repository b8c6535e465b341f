/** Answers questions that change nothing, and that no command asks before it starts. Topics are in topic-rows.ts, an export in export.ts. */
import type { Library } from "../../deliver/library.ts";
import type { Content } from "../../message.ts";
import type { SentCounts } from "../rows.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/event-counters.ts";
import type { Reader } from "../store.ts";
import type { Connection, Job } from "./connection.ts";
import { createFailedMessages } from "./failed-messages.ts";

type SentReader = Pick<Reader, "sentWithin" | "countSentWithin">;

/** The methods of the store that are made here. */
export type LateReader = SentReader & Pick<Reader, "failedMessages"> & Omit<Library, "jobId">;

/** Makes them. */
export function createReader(job: Job): LateReader {
  const { db } = job;
  return { ...createSentReader(job), failedMessages: createFailedMessages(db), ...createLibrary(db) };
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

function createLibrary(db: Connection): Omit<Library, "jobId"> {
  const body = db.prepare<[number], string>("select body from content where id = ?").pluck();
  const columns = db.prepare<[number], string>("select columns from ingest where id = ?").pluck();
  return {
    content: async (contentId) => JSON.parse(body.get(contentId) ?? "") as Content,
    listColumns: async (ingestId) => JSON.parse(columns.get(ingestId) ?? "[]") as string[],
  };
}
