/** What a store gives out and takes in when a job is copied from one store to another: all its rows, table by table. */
import type { Marks } from "./moved.ts";

/** What a column holds. Instants are `int`. */
export type Kind = "int" | "text" | "bool" | "bytes";

/** A value as it is passed from one store to another. */
export type Value = number | string | boolean | Buffer | null;

/** Values in the order of the columns of `TableFacts`. */
export type Row = Value[];

/** The values of the key's columns, in their order. */
export type Key = (number | string)[];

/** A table that is copied. */
export interface TableFacts {
  name: string;
  columns: Readonly<Record<string, Kind>>;
  /** The columns of its primary key. Rows are copied in the order that they have at the source. */
  key: readonly string[];
  /** A column that may be large. A page ends early for it. */
  bulky?: string;
  /** True: ids are given out by the table itself, and go on behind the highest. */
  givesIds?: boolean;
  /** The columns that a server keeps in `topic_count`. */
  counters?: readonly string[];
  /** A part of the key of which a server keeps a digest. The JSON in `body` has it whole. */
  digested?: string;
}

const TOPIC_COUNTERS = {
  pending: "int",
  sending: "int",
  sent: "int",
  in_doubt: "int",
  failed: "int",
  cancelled: "int",
  suppressed: "int",
  first_sent_at: "int",
  last_sent_at: "int",
  delivered: "int",
  bounced_permanent: "int",
  bounced_transient: "int",
  complained: "int",
  opened: "int",
  clicked: "int",
  rejected: "int",
  delayed: "int",
  reader_opens: "int",
  machine_opens: "int",
  clicks: "int",
  unsubscribed: "int",
} as const;

/**
 * Every table that is copied, in the order in which it is. Left out is what belongs to the place and not to the job: who works on
 * it, the rate, the clock, and lists that are being staged. A test compares this with both schemas.
 */
export const TABLES: readonly TableFacts[] = [
  { name: "signing_key", columns: { id: "int", secret: "bytes", created_at: "int" }, key: ["id"], givesIds: true },
  {
    name: "api_key",
    columns: { id: "int", name: "text", digest: "bytes", scopes: "text", created_at: "int", revoked_at: "int" },
    key: ["id"],
    givesIds: true,
  },
  {
    name: "content",
    columns: { id: "int", hash: "text", body: "text", created_at: "int", list: "text", kind: "text" },
    key: ["id"],
    bulky: "body",
    givesIds: true,
  },
  {
    name: "topic",
    columns: {
      id: "int",
      name: "text",
      content_id: "int",
      created_at: "int",
      not_before: "int",
      cancelled_at: "int",
      endpoint: "text",
      paused_at: "int",
      paused_until: "int",
      reported_at: "int",
      called_at: "int",
      afresh_at: "int",
      tracks_opens: "bool",
      tracks_clicks: "bool",
      pruned_at: "int",
      ...TOPIC_COUNTERS,
    },
    key: ["id"],
    givesIds: true,
    counters: Object.keys(TOPIC_COUNTERS),
  },
  {
    name: "ingest",
    columns: {
      id: "int",
      topic_id: "int",
      file: "text",
      columns: "text",
      first_id: "int",
      last_id: "int",
      created_at: "int",
    },
    key: ["id"],
    givesIds: true,
  },
  {
    name: "message",
    columns: {
      id: "int",
      topic_id: "int",
      content_id: "int",
      ingest_id: "int",
      email: "text",
      fields: "text",
      priority: "int",
      not_before: "int",
      state: "text",
      attempts: "int",
      claimed_by: "int",
      ses_message_id: "text",
      error: "text",
      sent_at: "int",
      created_at: "int",
      expires_at: "int",
      expires_in: "int",
    },
    key: ["id"],
    bulky: "fields",
  },
  {
    name: "recipient",
    columns: { address: "text", topic_id: "int", variant: "int", message_id: "int" },
    key: ["address", "topic_id", "variant"],
  },
  {
    name: "suppression",
    columns: {
      address: "text",
      list: "text",
      reason: "text",
      source: "text",
      detail: "text",
      created_at: "int",
      rehearsal: "bool",
    },
    key: ["address", "list"],
  },
  {
    name: "event",
    columns: {
      message_id: "int",
      key: "int",
      type: "text",
      at: "int",
      machine: "bool",
      detail: "text",
      times: "int",
    },
    key: ["message_id", "key"],
  },
  {
    name: "feedback",
    columns: {
      message_id: "int",
      ses_message_id: "text",
      mailed_at: "int",
      delivered_at: "int",
      bounced_at: "int",
      bounce_type: "text",
      bounce_subtype: "text",
      soft_bounced_at: "int",
      complained_at: "int",
      opened_at: "int",
      reader_opened_at: "int",
      clicked_at: "int",
      rejected_at: "int",
      delayed_at: "int",
      opens: "int",
      machine_opens: "int",
      clicks: "int",
      unsubscribed_at: "int",
    },
    key: ["message_id"],
  },
  {
    name: "unmatched",
    columns: { key: "text", ses_message_id: "text", body: "text", received_at: "int" },
    key: ["key"],
    bulky: "body",
    digested: "key",
  },
  {
    name: "answer",
    columns: { id: "int", caller: "text", key: "text", fingerprint: "text", body: "text", created_at: "int" },
    key: ["id"],
    bulky: "body",
    givesIds: true,
  },
  {
    name: "accepted_uuid",
    columns: { uuid: "text", message_id: "int", last_message_id: "int", accepted_at: "int" },
    key: ["uuid"],
  },
  {
    name: "template",
    columns: { name: "text", version: "int", content_id: "int", created_at: "int", removed_at: "int" },
    key: ["name", "version"],
  },
  {
    name: "removed",
    columns: { topic_id: "int", state: "text", messages: "int" },
    key: ["topic_id", "state"],
  },
  {
    name: "dead_letter",
    columns: {
      id: "int",
      source: "text",
      origin: "text",
      reason: "text",
      times: "int",
      received_at: "int",
      last_at: "int",
      body: "bytes",
      extras: "text",
    },
    key: ["id"],
    bulky: "body",
    givesIds: true,
  },
  { name: "reported", columns: { message_id: "int", via: "text", name: "text" }, key: ["message_id"] },
  { name: "report", columns: { via: "text", message_id: "int", state: "text" }, key: ["via", "message_id"] },
  { name: "handed", columns: { message_id: "int", at: "int", subject: "int" }, key: ["message_id"] },
];

/** A page has this many rows at most. */
export const PAGE_ROWS = 2_500;
/** A page ends when its bulky values have this many bytes, or about as many characters. */
export const PAGE_BYTES = 4_194_304;

/** The key of a row. */
export function keyOf(table: TableFacts, row: Row): Key {
  const columns = Object.keys(table.columns);
  return table.key.map((name) => row[columns.indexOf(name)] as number | string);
}

/** What is compared when all rows are there. */
export interface Figures {
  /** The number of rows by table. */
  tables: Record<string, number>;
  /** The number of messages by `<topic id> <state>`, and of those that were removed by `<topic id> removed-<state>`. */
  states: Record<string, number>;
}

/** Names the first figure that differs; null: all are equal. */
export function difference(from: Figures, to: Figures): string | null {
  for (const [table, count] of Object.entries(from.tables)) {
    const there = to.tables[table] ?? 0;
    if (there !== count) return `table ${table} has ${count} rows there and ${there} here`;
  }
  for (const key of new Set([...Object.keys(from.states), ...Object.keys(to.states)])) {
    const [one, other] = [from.states[key] ?? 0, to.states[key] ?? 0];
    const [topic, state] = key.split(" ");
    if (one !== other) return `topic ${topic} has ${one} messages ${state} there and ${other} here`;
  }
  return null;
}

/** What a copy keeps of the job itself. */
export interface Origin {
  /** The job's id, which mail that is out carries. */
  id: string;
  createdAt: number;
  /** No message may get an id up to this one. */
  lastId: number;
}

/** A copy under way, as its destination knows it. */
interface Copy {
  /** Random, the same on both sides. */
  id: string;
  /** The source as it is displayed. */
  from: string;
}

/** What a page of rows changes in the state of a copy. */
interface Step {
  copyId: string;
  was: string | null;
  next: string;
}

/** One side of a copy. It is opened without a lease, sends nothing, and can be opened when others refuse to. */
export interface Archive {
  /** As it is displayed to people, kept by the other side, and given to `--db`: it holds nothing secret. */
  location: string;
  /** The id of the job and its marks; null: there is no job. Makes nothing. */
  look(): Promise<(Marks & { jobId: string }) | null>;
  /**
   * Marks the job as going on elsewhere. From then on every write of every process is refused, except for answers of SES to calls
   * that left before. What dead processes left in flight is in doubt first.
   * @throws UserError when processes are at work on it, whom it names, or the job goes on elsewhere.
   */
  moveTo(location: string, copyId: string): Promise<void>;
  /** Notes that all of it is there. False: the copy was taken back meanwhile. */
  moved(copyId: string): Promise<boolean>;
  /** Lifts the marks, so that the job goes on here. Does nothing when they are of another copy. */
  comeBack(copyId: string): Promise<void>;
  origin(): Promise<Origin>;
  figures(): Promise<Figures>;
  /** The next rows behind a key, in order; null: from the first. Empty: there are none. */
  rows(table: TableFacts, after: Key | null): Promise<Row[]>;

  /** Makes the job of a copy, which cannot be used yet. @throws UserError when there is one already. */
  create(origin: Origin, copy: Copy): Promise<void>;
  /** How far the copy is, as the last `add` wrote it down; null: nothing is there. */
  state(): Promise<string | null>;
  /**
   * Adds rows and writes down how far the copy is then, in one transaction.
   * @throws StoppedError when the copy was taken back, or another process adds rows, too.
   */
  add(table: TableFacts, rows: readonly Row[], step: Step): Promise<void>;
  /** Makes the copy usable. @throws StoppedError when it was taken back meanwhile. */
  finish(origin: Origin, copyId: string): Promise<void>;
  /**
   * Makes a copy unusable for good. Returns what differs from `expected` and leaves the copy as it is then, because it was worked
   * on; null: nothing does. `expected` null: the copy was never finished.
   */
  withdraw(copy: Copy, expected: Figures | null): Promise<string | null>;
  close(): Promise<void>;
}
