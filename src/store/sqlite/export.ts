/** Streams the messages of a topic. */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import { STATES, type State } from "../../message.ts";
import { columnsOf } from "../fields.ts";
import type { ExportedMessage } from "../rows.ts";
import type { Reader } from "../store.ts";
import type { Connection } from "./connection.ts";
import { topicIdOf } from "./topic-ids.ts";

/** How many messages are read at a time. A larger page outlives its place among the young objects, and is copied by the collector. */
const PAGE = 100;

/** How many ids are looked at in a statement that mostly finds none. */
const STEP = 20_000;

/** The columns of a message, in the order of `PageRow`. */
const OWN = "id, email, state, attempts, m.ses_message_id, error, sent_at, fields";

/** And those of what was told of it. */
const TOLD = `f.delivered_at, ifnull(f.bounced_at, f.soft_bounced_at), f.bounce_type, f.bounce_subtype, f.complained_at, f.opened_at,
  f.reader_opened_at, f.clicked_at, f.unsubscribed_at`;

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
  fields: string,
  // Missing where nothing was told of any message.
  deliveredAt?: Time,
  bouncedAt?: Time,
  bounceType?: Text,
  bounceSubtype?: Text,
  complainedAt?: Time,
  openedAt?: Time,
  readerOpenedAt?: Time,
  clickedAt?: Time,
  unsubscribedAt?: Time,
];

/** Makes the part of the store that streams messages. It reads along the id ranges of the topic, so that memory does not grow with it. */
export function createExport(db: Connection): Pick<Reader, "messages" | "messagesUnlike"> {
  const lists = db.prepare<[number], List>(
    "select columns, first_id, last_id from ingest where topic_id = ? order by id",
  );
  const ofTopic = (topicId: number) =>
    lists.all(topicId).map((list) => ({ ...list, columns: JSON.parse(list.columns) as string[] }));
  const all = pagesOf(db);
  return {
    async *messages(topic, states) {
      const topicId = topicIdOf(db, topic);
      for (const { columns, first_id: first, last_id: last } of ofTopic(topicId))
        yield* all({ topicId, columns, states: states ?? STATES }, first, last);
    },
    async *messagesUnlike(topic, states, names, signal) {
      const topicId = topicIdOf(db, topic);
      for (const { columns, first_id: first, last_id: last } of ofTopic(topicId)) {
        const places = [...columns.keys()].filter((place) => names.includes(columns[place] ?? ""));
        if (places.length === 0) continue;
        const unlike = pagesOf(db, `(${places.map((place) => `fields ->> '$[${place}]' is not email`).join(" or ")})`);
        for (let from = first; from <= last; from += STEP) {
          yield* unlike({ topicId, columns, states: states ?? STATES }, from, Math.min(last, from + STEP - 1));
          await setImmediate();
          if (signal.aborted) throw new InterruptedError();
        }
      }
    },
  };
}

interface List {
  columns: string;
  first_id: number;
  last_id: number;
}

/** Which messages are read, and the columns of their list. */
interface Wanted {
  topicId: number;
  columns: readonly string[];
  states: readonly State[];
}

/** Makes a function that reads those messages between two ids (both included) of which `condition` is true, page by page. */
function pagesOf(
  db: Connection,
  condition = "true",
): (wanted: Wanted, first: number, last: number) => Generator<ExportedMessage[]> {
  const page = (columns: string, told: string) =>
    db
      .prepare<[number, number, number, string]>(
        `select ${columns} from message m ${told}
         where id > ? and id <= ? and topic_id = ? and state in (select value from json_each(?)) and ${condition}
         order by id limit ${PAGE}`,
      )
      .raw();
  const own = page(OWN, "");
  const all = page(`${OWN}, ${TOLD}`, "left join feedback f on f.message_id = m.id");
  const told = db.prepare<[number, number]>("select 1 from feedback where message_id > ? and message_id <= ? limit 1");
  return function* ({ topicId, columns, states }, first, last) {
    const wanted = JSON.stringify(states);
    for (let after = first - 1; ;) {
      // Columns that are all empty would take a tenth of the time of an export.
      const isTold = told.get(after, last) !== undefined;
      const found = (isTold ? all : own).all(after, last, topicId, wanted) as PageRow[];
      if (found.length > 0) yield found.map((row) => exported(row, columns));
      const end = found.at(-1);
      if (!end || found.length < PAGE) break;
      [after] = end;
    }
  };
}

function exported(row: PageRow, columns: readonly string[]): ExportedMessage {
  return {
    email: row[1],
    state: row[2],
    attempts: row[3],
    sesMessageId: row[4],
    error: row[5],
    sentAt: row[6],
    deliveredAt: row[8] ?? null,
    bouncedAt: row[9] ?? null,
    bounceType: row[10] ?? null,
    bounceSubtype: row[11] ?? null,
    complainedAt: row[12] ?? null,
    openedAt: row[13] ?? null,
    readerOpenedAt: row[14] ?? null,
    clickedAt: row[15] ?? null,
    unsubscribedAt: row[16] ?? null,
    fields: columnsOf(columns, row[7]),
  };
}
