/** Reads single messages: by id, by address, by the client's own name; and what their mails are made of. */
import type { Addressee, MessageRecord } from "../rows.ts";
import type { Reader, VisitSink } from "../store.ts";
import type { Connection } from "./connection.ts";
import { LAST_CHARACTER } from "../common-sql.ts";
import { type KeptMail, mailOf } from "../fields.ts";
import { topicIdOf } from "./topic-ids.ts";

type RecordReader = Pick<
  Reader,
  "message" | "messagesTo" | "messagesNamed" | "messagesReportedAs" | "uuidsFrom" | "messagesBySesId"
>;
type PartsReader = Pick<Reader, "mailParts" | "sampleParts">;

/** Makes the part of the store that reads single messages. */
export function createMailReader(db: Connection): RecordReader & PartsReader & Pick<VisitSink, "addressee"> {
  return { ...createRecordReader(db), ...createPartsReader(db), ...createAddresseeReader(db) };
}

type Row = Omit<MessageRecord, "notBefore"> & { notBefore: number };

/** The uuid whose messages include \`m\`: the last one that begins at or before it, unless it ends before it. */
const UUID = `(select case when m.id <= ifnull(u.last_message_id, u.message_id) then u.uuid end
  from accepted_uuid u where u.message_id <= m.id order by u.message_id desc limit 1)`;

const RECORD = `select m.id, ${UUID} as uuid, t.name as topic, m.email, m.state, m.attempts,
    m.ses_message_id as sesMessageId, m.error, m.sent_at as sentAt, ifnull(m.created_at, i.created_at) as createdAt,
    m.not_before as notBefore, m.expires_at as expiresAt, f.delivered_at as deliveredAt, ifnull(f.bounced_at, f.soft_bounced_at) as bouncedAt,
    f.bounce_type as bounceType, f.bounce_subtype as bounceSubtype, f.complained_at as complainedAt,
    f.opened_at as openedAt, f.clicked_at as clickedAt
  from message m join topic t on t.id = m.topic_id join ingest i on i.id = m.ingest_id
    left join feedback f on f.message_id = m.id`;

function createRecordReader(db: Connection): RecordReader {
  const one = db.prepare<[number], Row>(`${RECORD} where m.id = ?`);
  const idsTo = db
    .prepare<[string], number>(
      `select message_id from recipient where address = ? and topic_id not in (select topic_id from arriving)
       order by 1 desc`,
    )
    .pluck();
  const named = db.prepare<[string], { first: number; last: number }>(
    `select message_id as first, ifnull(last_message_id, message_id) as last
     from accepted_uuid where uuid = ? and message_id is not null`,
  );
  const between = db.prepare<[number, number, number], Row>(
    `${RECORD} where m.id between ? and ? order by m.id desc limit ?`,
  );
  const reportedAs = db.prepare<[string, number], Row>(
    `${RECORD} where m.id in (select message_id from reported where name = ? order by 1 desc limit ?) order by m.id desc`,
  );
  const uuidsFrom = db
    .prepare<[string, string, number], string>(
      "select uuid from accepted_uuid where uuid >= ? and uuid < ? order by uuid limit ?",
    )
    .pluck();
  const bySesId = db.prepare<[string, number], Row>(`${RECORD} where m.ses_message_id = ? order by m.id desc limit ?`);
  return {
    messagesBySesId: async (sesMessageId, limit) =>
      bySesId.all(sesMessageId, limit).flatMap((row) => recordOf(row) ?? []),
    message: async (id) => recordOf(one.get(id)),
    async messagesTo(address, limit) {
      const found: MessageRecord[] = [];
      for (const id of idsTo.iterate(address.toLowerCase())) {
        if (found.length >= limit) break;
        // The recipients of a topic that is being pruned go after its messages.
        const record = recordOf(one.get(id));
        if (record !== null) found.push(record);
      }
      return found;
    },
    async messagesNamed(uuid, limit) {
      const ids = named.get(uuid);
      return ids === undefined ? [] : between.all(ids.first, ids.last, limit).flatMap((row) => recordOf(row) ?? []);
    },
    messagesReportedAs: async (name, limit) => reportedAs.all(name, limit).flatMap((row) => recordOf(row) ?? []),
    uuidsFrom: async (prefix, limit) => uuidsFrom.all(prefix, prefix + LAST_CHARACTER, limit),
  };
}

function recordOf(row: Row | undefined): MessageRecord | null {
  // 0 and below: it was due at once (see rules/due.ts).
  return row === undefined ? null : { ...row, notBefore: row.notBefore > 0 ? row.notBefore : null };
}

interface PartsRow extends KeptMail {
  topic: string;
  email: string | null;
}

function createPartsReader(db: Connection): PartsReader {
  const ofMessage = db.prepare<[number], PartsRow>(
    `select t.name as topic, m.email, m.fields, i.columns, c.body
     from message m join topic t on t.id = m.topic_id join ingest i on i.id = m.ingest_id join content c on c.id = m.content_id
     where m.id = ?`,
  );
  // A list or request whose recipients were all there before has an empty range of ids.
  const ofTopic = db.prepare<[number], PartsRow>(
    `select t.name as topic, m.email, ifnull(m.fields, '[]') as fields, ifnull(i.columns, '[]') as columns, c.body
     from topic t join content c on c.id = t.content_id
       left join ingest i on i.id = (select min(id) from ingest where topic_id = t.id and last_id >= first_id)
       left join message m on m.id = i.first_id and m.topic_id = t.id
     where t.id = ?`,
  );
  return {
    async mailParts(id) {
      const row = ofMessage.get(id);
      return row === undefined ? null : mailOf(row);
    },
    async sampleParts(topic) {
      const row = ofTopic.get(topicIdOf(db, topic));
      if (row === undefined) throw new Error("a topic without a content");
      return mailOf(row);
    },
  };
}

/** How many contents have their sender, list and kind remembered. To read a sender means to read the whole content, attachments included. */
const MOST_REMEMBERED = 500;

type Mail = Pick<Addressee, "from" | "list" | "kind">;

function createAddresseeReader(db: Connection): Pick<VisitSink, "addressee"> {
  const find = db.prepare<[number], { email: string; topic: string; contentId: number }>(
    `select m.email, t.name as topic, m.content_id as contentId
     from message m join topic t on t.id = m.topic_id where m.id = ?`,
  );
  const read = db.prepare<[number], Mail>("select body ->> 'from' as \"from\", list, kind from content where id = ?");
  const known = new Map<number, Mail>();
  const mailOfContent = (contentId: number): Mail => {
    const mail = known.get(contentId) ?? read.get(contentId) ?? { from: "", list: null, kind: "bulk" };
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(contentId, mail);
    return mail;
  };
  return {
    async addressee(messageId) {
      const found = find.get(messageId);
      if (found === undefined) return null;
      return { email: found.email, topic: found.topic, ...mailOfContent(found.contentId) };
    },
  };
}
