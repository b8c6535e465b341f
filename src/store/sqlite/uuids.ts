/** Keeps the uuids that clients gave to messages (`accepted_uuid` in schema.ts), for good, because a repeat may come any time. */
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";
import type { Endpoint, ExportedMessage } from "../rows.ts";

/** Makes the table of uuids of a job file. */
export function createUuidTable(db: Connection, clock: Clock) {
  const insert = db.prepare<[string, number | null, number | null, number]>(
    `insert into accepted_uuid (uuid, message_id, last_message_id, accepted_at) values (?, ?, ?, ?)
     on conflict do update set message_id = excluded.message_id, last_message_id = excluded.last_message_id,
       accepted_at = excluded.accepted_at`,
  );
  const find = db.prepare<[string]>("select 1 from accepted_uuid where uuid = ?");
  const isRehearsed = db.prepare<[string]>(
    `select 1 from accepted_uuid a join message m on m.id = a.message_id join topic t on t.id = m.topic_id
     where a.uuid = ? and t.endpoint = 'sandbox'`,
  );
  const message = db.prepare<[string], Pick<ExportedMessage, "state" | "sesMessageId" | "error">>(
    `select m.state, m.ses_message_id as sesMessageId, m.error
     from accepted_uuid a join message m on m.id = a.message_id where a.uuid = ?`,
  );
  // A message without a topic has its own id as its variant, below 0; one with a topic, a variant that is not below 0.
  const messageTo = db
    .prepare<[string, { address: string }], number | null>(
      `select coalesce(
         (select message_id from recipient where address = @address and topic_id = m.topic_id
          and variant between -ifnull(a.last_message_id, a.message_id) and -a.message_id
          order by variant desc limit 1),
         (select message_id from recipient where address = @address and topic_id = m.topic_id and variant >= 0
          and message_id between a.message_id and ifnull(a.last_message_id, a.message_id)
          order by message_id limit 1))
       from accepted_uuid a join message m on m.id = a.message_id where a.uuid = ?`,
    )
    .pluck();
  return {
    /** True when a message was accepted with this uuid. What was only rehearsed does not count when mail goes to SES. */
    has: (uuid: string, endpoint: Endpoint | null = null): boolean =>
      find.get(uuid) !== undefined && !(endpoint === "ses" && isRehearsed.get(uuid) !== undefined),
    /**
     * Keeps a uuid, inside a transaction. `ids`: the first and the last message made for it; null: all addresses were duplicates. A
     * message that was only rehearsed gives the uuid up.
     */
    keep: (uuid: string, ids: { first: number; last: number } | null): void =>
      void insert.run(uuid, ids?.first ?? null, ids?.last ?? null, clock.now()),
    /** The first message to this address (in lower case) that was accepted with the uuid; null: it is not known. */
    messageTo: (uuid: string, address: string): number | null => messageTo.get(uuid, { address }) ?? null,
    /** What became of the first message with this uuid; null: there is none. */
    message: (uuid: string) => message.get(uuid) ?? null,
  };
}
