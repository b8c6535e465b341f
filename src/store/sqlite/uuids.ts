/** Clients' own names of messages (`accepted_uuid` in schema.ts), kept for good: a repeat may come any time. */
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";
import type { ExportedMessage } from "../rows.ts";

export function createUuidTable(db: Connection, clock: Clock) {
  const insert = db.prepare<[string, number | null, number]>(
    "insert into accepted_uuid (uuid, message_id, accepted_at) values (?, ?, ?)",
  );
  const find = db.prepare<[string]>("select 1 from accepted_uuid where uuid = ?");
  const message = db.prepare<[string], Pick<ExportedMessage, "state" | "sesMessageId" | "error">>(
    `select m.state, m.ses_message_id as sesMessageId, m.error
     from accepted_uuid a join message m on m.id = a.message_id where a.uuid = ?`,
  );
  return {
    has: (uuid: string): boolean => find.get(uuid) !== undefined,
    /** In the transaction that is open. `messageId` null: everybody had it already. */
    keep: (uuid: string, messageId: number | null): void => void insert.run(uuid, messageId, clock.now()),
    /** What became of the first message made for it; null: there is none. */
    message: (uuid: string) => message.get(uuid) ?? null,
  };
}
