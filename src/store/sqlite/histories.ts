/** Reads what happened to single messages, for people who ask. */
import { visitKey } from "../hash.ts";
import type { HistoryEvent, MessageHistory } from "../rows.ts";
import { viaOf } from "../via.ts";
import type { Reader } from "../store.ts";
import type { Connection } from "./connection.ts";

type HeadRow = Pick<MessageHistory, "endpoint" | "cancelledAt" | "expiresAt" | "handedAt"> & {
  file: string;
  columns: string;
};
type EventRow = Omit<HistoryEvent, "machine" | "isVisit"> & { key: number; machine: 0 | 1 };

/** Makes the part of the store that reads histories. */
export function createHistories(db: Connection): Pick<Reader, "histories"> {
  const head = db.prepare<[number], HeadRow>(
    `select i.file, i.columns, t.endpoint, t.cancelled_at as cancelledAt, m.expires_at as expiresAt, h.at as handedAt
     from message m left join handed h on h.message_id = m.id join ingest i on i.id = m.ingest_id join topic t on t.id = m.topic_id where m.id = ?`,
  );
  const feedback = db.prepare<[number], NonNullable<MessageHistory["feedback"]>>(
    `select mailed_at as mailedAt, bounced_at as bouncedAt, soft_bounced_at as softBouncedAt,
       reader_opened_at as readerOpenedAt, unsubscribed_at as unsubscribedAt, opens, machine_opens as machineOpens
     from feedback where message_id = ?`,
  );
  const events = db.prepare<[number], EventRow>(
    `select key, type, at, machine, detail, times from event where message_id = ? order by at is null, at, key`,
  );
  const kept = db.prepare<[number], { body: string; receivedAt: number }>(
    `select u.body, u.received_at as receivedAt from message m join unmatched u on u.ses_message_id = m.ses_message_id
     where m.id = ? order by u.received_at, u.key`,
  );
  const read = (id: number): MessageHistory | null => {
    const found = head.get(id);
    if (found === undefined) return null;
    const { file, columns, ...rest } = found;
    return {
      ...rest,
      // Requests have no columns, and a recipients file has at least one.
      list: columns === "[]" ? null : file,
      via: columns === "[]" ? viaOf(file) : null,
      feedback: feedback.get(id) ?? null,
      events: events.all(id).map(eventOf),
      kept: kept.all(id).map(({ body, receivedAt }) => {
        const { type, at } = JSON.parse(body) as Pick<HistoryEvent, "type" | "at">;
        return { type, at, receivedAt };
      }),
    };
  };
  return {
    async histories(ids) {
      const found = ids.flatMap((id) => {
        const history = read(id);
        return history === null ? [] : [[id, history] as const];
      });
      return new Map(found);
    },
  };
}

function eventOf({ key, machine, ...event }: EventRow): HistoryEvent {
  const isMachine = machine === 1;
  const isVisit = event.type === "click" && key === visitKey(isMachine, event.detail);
  return { ...event, machine: isMachine, isVisit };
}
