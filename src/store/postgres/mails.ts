/** Reads single messages: by id, by address, by the client's own name; and what their mails are made of. */
import type { Content } from "../../message.ts";
import { LAST_CHARACTER } from "../common-sql.ts";
import { type KeptMail, mailOf } from "../fields.ts";
import type { Addressee, MessageRecord } from "../rows.ts";
import type { Reader, VisitSink } from "../store.ts";
import { type Job, read } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { isStorable, topicIdOf } from "./topic-ids.ts";

type RecordReader = Pick<
  Reader,
  "message" | "messagesTo" | "messagesNamed" | "messagesReportedAs" | "uuidsFrom" | "messagesBySesId"
>;
type PartsReader = Pick<Reader, "mailParts" | "sampleParts">;

/** Makes the part of the store that reads single messages. */
export function createMailReader(job: Job): RecordReader & PartsReader & Pick<VisitSink, "addressee"> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return { ...createRecordReader(ask), ...createPartsReader(ask, job.name), ...createAddresseeReader(ask) };
}

/** The uuid whose messages include `m`: the last one that begins at or before it, unless it ends before it. */
const UUID = `(select case when m.id <= coalesce(u.last_message_id, u.message_id) then u.uuid end
  from sm.accepted_uuid u where u.message_id <= m.id order by u.message_id desc limit 1)`;

const RECORD = `select m.id, ${UUID} as uuid, t.name as topic, m.email, m.state, m.attempts,
    m.ses_message_id as "sesMessageId", m.error, m.sent_at as "sentAt", coalesce(m.created_at, i.created_at) as "createdAt",
    m.not_before as "notBefore", m.expires_at as "expiresAt", f.delivered_at as "deliveredAt", coalesce(f.bounced_at, f.soft_bounced_at) as "bouncedAt",
    f.bounce_type as "bounceType", f.bounce_subtype as "bounceSubtype", f.complained_at as "complainedAt",
    f.opened_at as "openedAt", f.clicked_at as "clickedAt"
  from sm.message m join sm.topic t on t.id = m.topic_id join sm.ingest i on i.id = m.ingest_id
    left join sm.feedback f on f.message_id = m.id`;

type Row = Omit<MessageRecord, "notBefore"> & { notBefore: number };

function createRecordReader(ask: Tx["query"]): RecordReader {
  return {
    async messagesBySesId(sesMessageId, limit) {
      if (!isStorable(sesMessageId)) return [];
      const bySesId = `${RECORD} where m.ses_message_id = $1 order by m.id desc limit $2`;
      return (await ask<Row>(bySesId, [sesMessageId, limit])).map(recordOf);
    },
    async message(id) {
      const [row] = await ask<Row>(`${RECORD} where m.id = $1`, [id]);
      return row === undefined ? null : recordOf(row);
    },
    async messagesTo(address, limit) {
      if (!isStorable(address)) return [];
      const rows = await ask<Row>(
        `${RECORD} where m.id = any(array(
           select message_id from sm.recipient where address = $1 order by message_id desc limit $2)) order by m.id desc`,
        [address.toLowerCase(), limit],
      );
      return rows.map(recordOf);
    },
    async messagesNamed(uuid, limit) {
      if (!isStorable(uuid)) return [];
      const [ids] = await ask<{ first: number; last: number }>(
        `select message_id as first, coalesce(last_message_id, message_id) as last
         from sm.accepted_uuid where uuid = $1 and message_id is not null`,
        [uuid],
      );
      if (ids === undefined) return [];
      const between = `${RECORD} where m.id between $1 and $2 order by m.id desc limit $3`;
      return (await ask<Row>(between, [ids.first, ids.last, limit])).map(recordOf);
    },
    async messagesReportedAs(name, limit) {
      if (!isStorable(name)) return [];
      const rows = await ask<Row>(
        `${RECORD} where m.id = any(array(
           select message_id from sm.reported where name = $1 order by message_id desc limit $2)) order by m.id desc`,
        [name, limit],
      );
      return rows.map(recordOf);
    },
    async uuidsFrom(prefix, limit) {
      if (!isStorable(prefix)) return [];
      const from = "select uuid from sm.accepted_uuid where uuid >= $1 and uuid < $2 order by uuid limit $3";
      return (await ask<{ uuid: string }>(from, [prefix, prefix + LAST_CHARACTER, limit])).map(({ uuid }) => uuid);
    },
  };
}

function recordOf(row: Row): MessageRecord {
  // 0 and below: it was due at once (see rules/due.ts).
  return { ...row, notBefore: row.notBefore > 0 ? row.notBefore : null };
}

interface PartsRow extends KeptMail {
  topic: string;
  email: string | null;
}

function createPartsReader(ask: Tx["query"], database: string): PartsReader {
  return {
    async mailParts(id) {
      const [row] = await ask<PartsRow>(
        `select t.name as topic, m.email, m.fields, i.columns, c.body
         from sm.message m join sm.topic t on t.id = m.topic_id join sm.ingest i on i.id = m.ingest_id
           join sm.content c on c.id = m.content_id
         where m.id = $1`,
        [id],
      );
      return row === undefined ? null : mailOf(row);
    },
    async sampleParts(topic) {
      // A list or request whose recipients were all there before has an empty range of ids.
      const [row] = await ask<PartsRow>(
        `select t.name as topic, m.email, coalesce(m.fields, '[]') as fields, coalesce(i.columns, '[]') as columns, c.body
         from sm.topic t join sm.content c on c.id = t.content_id
           left join sm.ingest i on i.id = (select min(id) from sm.ingest where topic_id = t.id and last_id >= first_id)
           left join sm.message m on m.id = i.first_id and m.topic_id = t.id
         where t.id = $1`,
        [await topicIdOf(ask, topic, database)],
      );
      if (row === undefined) throw new Error("a topic without a content");
      return mailOf(row);
    },
  };
}

/** How many contents have their sender, list and kind remembered. To read a sender means to read the whole content, attachments included. */
const MOST_REMEMBERED = 500;

type Mail = Pick<Addressee, "from" | "list" | "kind">;

function createAddresseeReader(ask: Tx["query"]): Pick<VisitSink, "addressee"> {
  const known = new Map<number, Mail>();
  const mailOfContent = async (contentId: number): Promise<Mail> => {
    const mail = known.get(contentId) ?? (await readMail(ask, contentId));
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(contentId, mail);
    return mail;
  };
  return {
    async addressee(messageId) {
      const [found] = await ask<{ email: string; topic: string; contentId: number }>(
        `select m.email, t.name as topic, m.content_id as "contentId"
         from sm.message m join sm.topic t on t.id = m.topic_id where m.id = $1`,
        [messageId],
      );
      if (found === undefined) return null;
      return { email: found.email, topic: found.topic, ...(await mailOfContent(found.contentId)) };
    },
  };
}

/** Read here, because PostgreSQL refuses to look into JSON that has a NUL or half a character in any of its texts. */
async function readMail(ask: Tx["query"], contentId: number): Promise<Mail> {
  const sql = "select body, list, kind from sm.content where id = $1";
  const [row] = await ask<{ body: string } & Omit<Mail, "from">>(sql, [contentId]);
  if (row === undefined) return { from: "", list: null, kind: "bulk" };
  return { from: (JSON.parse(row.body) as Content).from, list: row.list, kind: row.kind };
}
