/** Streams the messages of a topic. */
import { STATES, type State } from "../../message.ts";
import { columnsOf } from "../fields.ts";
import type { ExportedMessage } from "../rows.ts";
import type { Reader } from "../store.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { type Part, partsOf, rangesOf } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** How many messages are read at a time. Between two pages no transaction is open. */
const PAGE = 1_000;

const pageSql = (
  part: Part,
): string => `select m.email, m.state, m.attempts, m.ses_message_id as "sesMessageId", m.error, m.sent_at as "sentAt", m.fields,
    f.delivered_at as "deliveredAt", coalesce(f.bounced_at, f.soft_bounced_at) as "bouncedAt", f.bounce_type as "bounceType",
    f.bounce_subtype as "bounceSubtype", f.complained_at as "complainedAt", f.opened_at as "openedAt",
    f.reader_opened_at as "readerOpenedAt", f.clicked_at as "clickedAt", f.unsubscribed_at as "unsubscribedAt", i.columns
  from sm.message m join sm.ingest i on i.id = m.ingest_id left join sm.feedback f on f.message_id = m.id
  where ${part.has("m.id")} and m.state = any($3::text[]) order by m.id`;

type Row = Omit<ExportedMessage, "fields"> & { fields: string; columns: string };

/** Makes `Reader.messages`. It reads page by page along the ids of the topic, so that memory does not grow with it. */
export function createExport(job: Job): Reader["messages"] {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return async function* messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage[]> {
    const ranges = await rangesOf(ask, [await topicIdOf(ask, topic, job.name)]);
    const namesOf = createColumns();
    for (const part of partsOf(ranges, PAGE)) {
      const found = await ask<Row>(pageSql(part), [...part.values, states ?? STATES]);
      const read = ({ fields, columns, ...row }: Row) => ({ ...row, fields: columnsOf(namesOf(columns), fields) });
      if (found.length > 0) yield found.map(read);
    }
  };
}

/** Reads the names of columns, which are mostly those of the message before. */
function createColumns(): (columns: string) => string[] {
  let last = { text: "[]", names: [] as string[] };
  return (text) => {
    if (text !== last.text) last = { text, names: JSON.parse(text) as string[] };
    return last.names;
  };
}
