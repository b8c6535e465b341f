/** Answers questions that change nothing. Single messages are in mails.ts. */
import type { Library } from "../../deliver/library.ts";
import type { Content } from "../../message.ts";
import type { FailedMessage, SentCounts } from "../rows.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/event-counters.ts";
import type { Reader } from "../store.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { createExport } from "./export.ts";
import { topicIdOf } from "./topic-ids.ts";
import { createTopicReader } from "./topic-rows.ts";

type SentReader = Pick<Reader, "sentWithin" | "countSentWithin">;

/** Makes the parts of the store that only read, except those about single messages and the breakdown. */
export function createReader(
  job: Job,
): ReturnType<typeof createTopicReader> &
  SentReader &
  Pick<Reader, "messages" | "messagesUnlike" | "failedMessages"> &
  Omit<Library, "jobId"> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return {
    ...createTopicReader(job),
    ...createSentReader(job, ask),
    ...createExport(job),
    failedMessages: async (topic, limit) =>
      failedMessages(ask, topic === null ? null : await topicIdOf(ask, topic, job.name), limit),
    ...createLibrary(ask),
  };
}

/** What was sent lately, read along the index of `sent_at`. */
function createSentReader({ time }: Job, ask: Tx["query"]): SentReader {
  // Times are whole milliseconds, and durations need not be.
  const since = (ms: number) => Math.ceil(time.now().wall - ms);
  return {
    async countSentWithin(ms) {
      const [row] = await ask<{ count: number }>("select count(*)::int8 as count from sm.message where sent_at >= $1", [
        since(ms),
      ]);
      return row?.count ?? 0;
    },
    async sentWithin(ms) {
      const found = await ask<SentCounts & { topic: string }>(
        `select t.name as topic, s.sent, s.first, s.last, ${EVENT_COUNTERS.map((name) => `s.${name}`).join(", ")} from (
           select m.topic_id, count(*)::int8 as sent, min(m.sent_at) as first, max(m.sent_at) as last,
             ${EVENT_COUNTERS.map((name) => `count(f.${MARK_OF[name]})::int8 as ${name}`).join(", ")}
           from sm.message m left join sm.feedback f on f.message_id = m.id
           where m.sent_at >= $1 group by m.topic_id
         ) s join sm.topic t on t.id = s.topic_id`,
        [since(ms)],
      );
      return new Map(found.map(({ topic, ...counts }) => [topic, counts] as const));
    },
  };
}

/**
 * Up to `limit` messages that need a person, newest first. Their ids are looked up first, in the small index of such messages: for
 * "the newest of all" the planner would read all messages backwards until it has found enough.
 */
function failedMessages(ask: Tx["query"], topicId: number | null, limit: number): Promise<FailedMessage[]> {
  return ask<FailedMessage>(
    `with trouble as materialized (
       select m.id from sm.message m where m.state in ('failed', 'in_doubt') ${topicId === null ? "" : "and m.topic_id = $2"})
     select m.id, t.name as topic, m.email, m.state, m.attempts, m.error
     from (select id from trouble order by id desc limit $1) newest
       join sm.message m on m.id = newest.id join sm.topic t on t.id = m.topic_id
     order by m.id desc`,
    topicId === null ? [limit] : [limit, topicId],
  );
}

function createLibrary(ask: Tx["query"]): Omit<Library, "jobId"> {
  return {
    async content(contentId) {
      const [row] = await ask<{ body: string }>("select body from sm.content where id = $1", [contentId]);
      return JSON.parse(row?.body ?? "") as Content;
    },
    async listColumns(ingestId) {
      const [row] = await ask<{ columns: string }>("select columns from sm.ingest where id = $1", [ingestId]);
      return JSON.parse(row?.columns ?? "[]") as string[];
    },
  };
}
