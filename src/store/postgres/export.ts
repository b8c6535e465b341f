/** Streams the messages of a topic. */
import { InterruptedError } from "../../errors.ts";
import { STATES } from "../../message.ts";
import { columnsOf } from "../fields.ts";
import type { ExportedMessage } from "../rows.ts";
import type { Reader } from "../store.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { type Part, partsOf, rangesOf } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** How many messages are read at a time. Between two pages no transaction is open. */
const PAGE = 1_000;

/** How many are looked at in a statement that mostly finds none. */
const STEP = 5_000;

const pageSql = (
  part: Part,
  condition = "true",
): string => `select m.email, m.state, m.attempts, m.ses_message_id as "sesMessageId", m.error, m.sent_at as "sentAt", m.fields,
    f.delivered_at as "deliveredAt", coalesce(f.bounced_at, f.soft_bounced_at) as "bouncedAt", f.bounce_type as "bounceType",
    f.bounce_subtype as "bounceSubtype", f.complained_at as "complainedAt", f.opened_at as "openedAt",
    f.reader_opened_at as "readerOpenedAt", f.clicked_at as "clickedAt", f.unsubscribed_at as "unsubscribedAt", i.columns
  from sm.message m join sm.ingest i on i.id = m.ingest_id left join sm.feedback f on f.message_id = m.id
  where ${part.has("m.id")} and m.state = any($3::text[]) and ${condition} order by m.id`;

/**
 * True for a message that says another text at one of the places $5 of the list $4 than its address. Only JSON without escapes is
 * compared, because the server refuses some of them.
 */
const IS_UNLIKE = `exists (
  select from unnest($4::bigint[], $5::int[]) as p (ingest_id, place)
  where p.ingest_id = m.ingest_id
    and case when strpos(m.fields, '\\') > 0 then true else m.email is distinct from m.fields::json ->> p.place end)`;

type Row = Omit<ExportedMessage, "fields"> & { fields: string; columns: string };

/** Makes the part of the store that streams messages. It reads page by page along the ids of the topic, so that memory does not grow with it. */
export function createExport(job: Job): Pick<Reader, "messages" | "messagesUnlike"> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const partsOfTopic = async (topicId: number, size: number) => partsOf(await rangesOf(ask, [topicId]), size);
  return {
    async *messages(topic, states) {
      const topicId = await topicIdOf(ask, topic, job.name);
      const messageOf = createMessageReader();
      for (const part of await partsOfTopic(topicId, PAGE)) {
        const found = await ask<Row>(pageSql(part), [...part.values, states ?? STATES]);
        if (found.length > 0) yield found.map(messageOf);
      }
    },
    async *messagesUnlike(topic, states, columns, signal) {
      const topicId = await topicIdOf(ask, topic, job.name);
      const places = await placesOf(ask, topicId, columns);
      const more = [states ?? STATES, places.map(([list]) => list), places.map(([, place]) => place)];
      const messageOf = createMessageReader();
      for (const part of places.length === 0 ? [] : await partsOfTopic(topicId, STEP)) {
        if (signal.aborted) throw new InterruptedError();
        const found = await ask<Row>(pageSql(part, IS_UNLIKE), [...part.values, ...more]);
        if (found.length > 0) yield found.map(messageOf);
      }
    },
  };
}

/** Where columns with these names stand: the list, and the index of the column in it. */
async function placesOf(
  ask: Tx["query"],
  topicId: number,
  names: readonly string[],
): Promise<(readonly [list: number, place: number])[]> {
  // Requests have no columns, and there may be many of them.
  const lists = await ask<{ id: number; columns: string }>(
    "select id, columns from sm.ingest where topic_id = $1 and columns <> '[]'",
    [topicId],
  );
  return lists.flatMap(({ id, columns }) =>
    (JSON.parse(columns) as string[]).flatMap((name, place) => (names.includes(name) ? [[id, place] as const] : [])),
  );
}

/** Reads messages. The names of columns are mostly those of the message before. */
function createMessageReader(): (row: Row) => ExportedMessage {
  let last = { text: "[]", names: [] as string[] };
  return ({ fields, columns, ...row }) => {
    if (columns !== last.text) last = { text: columns, names: JSON.parse(columns) as string[] };
    return { ...row, fields: columnsOf(last.names, fields) };
  };
}
