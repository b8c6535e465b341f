/** Reads the messages of a topic for an export. */
import { STATES, type State } from "../../message.ts";
import { columnsOf } from "../fields.ts";
import type { ExportedMessage } from "../rows.ts";
import type { Reader } from "../store.ts";
import type { Connection } from "./connection.ts";
import { topicIdOf } from "./topic-ids.ts";

/** How many messages an export reads at a time. */
const PAGE = 1_000;

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
export function createExport(db: Connection): Reader["messages"] {
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
