/** Reads and writes what events and visits said of many messages at once. */
import type { Mark } from "../rules/event-counters.ts";
import type { Bounces } from "../rules/event-marks.ts";
import { numbers } from "./arrays.ts";
import type { Tx } from "./transaction.ts";

/** A row of `feedback`. Instants are milliseconds since the epoch. */
export interface Feedback extends Record<Mark, number | null>, Bounces {
  /** Empty: only visits were noted, which do not tell. */
  ses_message_id: string;
  /** When SES took the mail in; null: nobody said. */
  mailed_at: number | null;
  opens: number;
  machine_opens: number;
  clicks: number;
}

/** Rows of the messages of one transaction. They are changed in memory, and written together. */
export interface FeedbackRows {
  /** Reads the rows of these messages. To be called before they are asked for. Ids must not be repeated. */
  learn(tx: Tx, messageIds: readonly number[]): Promise<void>;
  /** The row of a message, as it is after what was noted; null: there is none. */
  get(messageId: number): Readonly<Feedback> | null;
  /** Changes the row of a message, or makes it. */
  note(messageId: number, values: Partial<Feedback>): void;
  /** Writes the rows that differ from what was read. */
  save(tx: Tx): Promise<void>;
}

const NEW: Readonly<Feedback> = {
  ses_message_id: "",
  mailed_at: null,
  delivered_at: null,
  bounced_at: null,
  bounce_type: null,
  bounce_subtype: null,
  soft_bounced_at: null,
  complained_at: null,
  opened_at: null,
  reader_opened_at: null,
  clicked_at: null,
  rejected_at: null,
  delayed_at: null,
  opens: 0,
  machine_opens: 0,
  clicks: 0,
  unsubscribed_at: null,
};
const COLUMNS = Object.keys(NEW) as (keyof Feedback)[];
const TEXTS: ReadonlySet<string> = new Set(["ses_message_id", "bounce_type", "bounce_subtype"]);

const READ = `select f.* from unnest($1::bigint[]) w (id)
  cross join lateral (select message_id, ${COLUMNS.join(", ")} from sm.feedback where message_id = w.id limit 1) f`;

const WRITE = `insert into sm.feedback (message_id, ${COLUMNS.join(", ")})
  select * from unnest($1::bigint[], ${COLUMNS.map((name, at) => `$${at + 2}::${TEXTS.has(name) ? "text" : "bigint"}[]`).join(", ")})
  on conflict (message_id) do update set ${COLUMNS.map((name) => `${name} = excluded.${name}`).join(", ")}`;

/** Makes the rows of one transaction, which must hold the writer lock: what it read stays true until it writes. */
export function createFeedbackRows(): FeedbackRows {
  const rows = new Map<number, Feedback>();
  const changed = new Set<number>();
  return {
    async learn(tx, messageIds) {
      if (messageIds.length === 0) return;
      for (const { message_id, ...row } of await tx.query<Feedback & { message_id: number }>(READ, [
        numbers(messageIds),
      ]))
        rows.set(message_id, row);
    },
    get: (messageId) => rows.get(messageId) ?? null,
    note(messageId, values) {
      const row = rows.get(messageId);
      if (row !== undefined && !differs(row, values)) return;
      // A new object: whoever asked before keeps what was.
      rows.set(messageId, { ...(row ?? NEW), ...values });
      changed.add(messageId);
    },
    async save(tx) {
      if (changed.size === 0) return;
      const ids = [...changed];
      const valuesOf = (name: keyof Feedback) => ids.map((id) => rows.get(id)?.[name] ?? null);
      await tx.query(WRITE, [
        numbers(ids),
        ...COLUMNS.map((name) => (TEXTS.has(name) ? valuesOf(name) : numbers(valuesOf(name) as (number | null)[]))),
      ]);
    },
  };
}

function differs(row: Feedback, values: Partial<Feedback>): boolean {
  return (Object.keys(values) as (keyof Feedback)[]).some((name) => row[name] !== values[name]);
}
