/** Reads what happened to single messages, for people who ask. */
import { visitKey } from "../hash.ts";
import type { HistoryEvent, MessageHistory } from "../rows.ts";
import { viaOf } from "../via.ts";
import type { Reader } from "../store.ts";
import { numbers } from "./arrays.ts";
import { byIndex } from "./by-index.ts";
import { type Job, snapshot } from "./connection.ts";

type Feedback = NonNullable<MessageHistory["feedback"]>;
type Row = Pick<MessageHistory, "endpoint" | "cancelledAt" | "expiresAt" | "handedAt"> &
  Feedback & { id: number; file: string; columns: string; wasTold: boolean };
type EventRow = Omit<HistoryEvent, "isVisit"> & { messageId: number; key: number };

const HEAD = `select m.id, i.file, i.columns, t.endpoint, t.cancelled_at as "cancelledAt", m.expires_at as "expiresAt", h.at as "handedAt",
    f.message_id is not null as "wasTold", f.mailed_at as "mailedAt", f.bounced_at as "bouncedAt",
    f.soft_bounced_at as "softBouncedAt", f.reader_opened_at as "readerOpenedAt", f.unsubscribed_at as "unsubscribedAt", f.opens,
    f.machine_opens as "machineOpens"
  from unnest($1::bigint[]) w (id)
  cross join lateral (select * from sm.message where id = w.id limit 1) m
  cross join lateral (select file, columns from sm.ingest where id = m.ingest_id limit 1) i
  cross join lateral (select endpoint, cancelled_at from sm.topic where id = m.topic_id limit 1) t
  left join lateral (select at from sm.handed where message_id = w.id limit 1) h on true
  left join lateral (select * from sm.feedback where message_id = w.id limit 1) f on true`;

const EVENTS = `select e.* from unnest($1::bigint[]) w (id) cross join lateral (
    select message_id as "messageId", key, type, at, machine, detail, times from sm.event where message_id = w.id offset 0) e
  order by e."messageId", e.at is null, e.at, e.key`;

const KEPT = `select w.id, u.body, u.received_at as "receivedAt" from unnest($1::bigint[]) w (id)
  cross join lateral (select ses_message_id from sm.message where id = w.id limit 1) m
  cross join lateral (select key, body, received_at from sm.unmatched where ses_message_id = m.ses_message_id offset 0) u
  order by w.id, u.received_at, u.key`;

/** Makes the part of the store that reads histories. */
export function createHistories(job: Job): Pick<Reader, "histories"> {
  return {
    async histories(ids) {
      const given = [numbers(ids)];
      const [rows, events, kept] = await snapshot(job, async (ask) => {
        await byIndex(ask);
        return Promise.all([
          ask<Row>(HEAD, given),
          ask<EventRow>(EVENTS, given),
          ask<{ id: number; body: string; receivedAt: number }>(KEPT, given),
        ]);
      });
      const histories = new Map(rows.map((row) => [row.id, historyOf(row)]));
      for (const { messageId, ...event } of events) histories.get(messageId)?.events.push(eventOf(event));
      for (const { id, body, receivedAt } of kept) {
        const { type, at } = JSON.parse(body) as Pick<HistoryEvent, "type" | "at">;
        histories.get(id)?.kept.push({ type, at, receivedAt });
      }
      return histories;
    },
  };
}

function historyOf({
  id: _id,
  file,
  columns,
  wasTold,
  endpoint,
  cancelledAt,
  expiresAt,
  handedAt,
  ...told
}: Row): MessageHistory {
  // Requests have no columns, and a recipients file has at least one.
  const came = columns === "[]" ? { list: null, via: viaOf(file) } : { list: file, via: null };
  return { ...came, endpoint, cancelledAt, expiresAt, handedAt, feedback: wasTold ? told : null, events: [], kept: [] };
}

function eventOf({ key, ...event }: Omit<EventRow, "messageId">): HistoryEvent {
  const isVisit = event.type === "click" && key === visitKey(event.machine, event.detail);
  return { ...event, isVisit };
}
