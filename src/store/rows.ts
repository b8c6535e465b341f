/** The shapes a store takes and gives. Instants are milliseconds since the epoch unless said otherwise. */
import type { Content, State, Totals } from "../message.ts";
import type { RefusedTopic } from "./rules/admit.ts";
import type { EventCounts } from "./rules/event-counters.ts";

/** Where a topic's mail goes. Kept apart so that a rehearsal can never be mistaken for the real thing. */
export type Endpoint = "ses" | "sandbox";

// Lists --------------------------------------------------------------------------------------------------------------

/** One recipient of a list. */
export interface StagedRow {
  /** As it will be written to: domain lower-cased and punycode, local part as given. */
  email: string;
  /** JSON array of the CSV fields in the order of the file's columns; behind them, of a message with files, what `Examiner` recorded. */
  fields: string;
  /** 0: at once. */
  notBefore: number;
}

/** What a list becomes part of. */
export interface ListTarget {
  topic: string;
  content: Content;
  /** Name of the file, for the record. */
  file: string;
  /** Names of the list's columns, in the order of each row's fields. */
  columns: string[];
  /** 1 low, 5 medium, 10 high. */
  priority: number;
  /** When the topic is due, for `topics`; null: at once. */
  notBefore: number | null;
  /** Give what was not sent yet this content instead of refusing a different one. */
  replaceContent: boolean;
  /** Count only: everything is done and taken back. */
  rehearse: boolean;
}

/** What became of a list's rows: `added + duplicates + suppressed` is their number. */
export interface ListCounts {
  added: number;
  /** Addresses the topic had already, or that the list named before. */
  duplicates: number;
  suppressed: number;
}

// Topics -------------------------------------------------------------------------------------------------------------

/** A topic and its counts. */
export interface TopicRow extends Totals, EventCounts {
  topic: string;
  /** When it is due; null: at once. */
  notBefore: number | null;
  cancelledAt: number | null;
  /** Null: nothing of it was claimed yet. */
  endpoint: Endpoint | null;
  firstSentAt: number | null;
  lastSentAt: number | null;
  /** All visits through our own links, where `opened` and `clicked` count messages. */
  readerOpens: number;
  machineOpens: number;
  clicks: number;
}

/** What was sent in a span of time, and what came back of it. */
export interface SentCounts extends EventCounts {
  sent: number;
  /** When the first and the last of them were sent. */
  first: number;
  last: number;
}

/** One instant for all, or one for each recipient; `notBefore` is the earliest of them, for `topics`. */
export interface Reschedule {
  notBefore: number;
  /** Of the recipient's own columns by name. */
  instantOf: ((fields: Record<string, string>) => number) | null;
}

// Messages -----------------------------------------------------------------------------------------------------------

/** A message and what came back of it, as `export` writes it. */
export interface ExportedMessage {
  email: string;
  state: State;
  attempts: number;
  sesMessageId: string | null;
  error: string | null;
  sentAt: number | null;
  deliveredAt: number | null;
  bouncedAt: number | null;
  bounceType: string | null;
  bounceSubtype: string | null;
  complainedAt: number | null;
  openedAt: number | null;
  clickedAt: number | null;
  /** The recipient's own columns by name. */
  fields: Record<string, string>;
}

/** A message that is `failed` or `in_doubt`: it needs a person. */
export interface FailedMessage {
  id: number;
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

// Requests -----------------------------------------------------------------------------------------------------------

/** One message of a request to the gateway: one content to many. */
export interface AcceptMessage {
  /** Null: none was named. Then only `uuid` and the Idempotency-Key tell a repeat from a new mail. */
  topic: string | null;
  content: Content;
  /** As they will be written to. An address named twice counts as a duplicate. */
  emails: readonly string[];
  /** 10 high, 5 medium, 1 low. */
  priority: number;
  /** 0: at once. */
  notBefore: number;
  /** The client's own name for this message: given again, nothing of it is added. */
  uuid: string | null;
}

/** A request for mail: it is stored whole or not at all. */
export interface AcceptRequest {
  messages: readonly AcceptMessage[];
  /** Where this gateway sends to: a topic that went to the other place takes nothing from here. */
  endpoint: Endpoint;
  repeat: Repeat | null;
  /** Whatever the caller wants to know again of a repeat: kept with the counts, only together with `repeat`, and never read. */
  memo: string;
}

/** How a repeat of a request is known: the Idempotency-Key of one API key, and a hash of the body. */
export interface Repeat {
  caller: string;
  key: string;
  fingerprint: string;
}

/** `added + duplicates + suppressed` is the number of addresses. */
export interface AcceptCounts {
  added: number;
  duplicates: number;
  suppressed: number;
}

/** What became of a request. */
export type AcceptResult =
  | { kind: "stored"; counts: AcceptCounts }
  /** The same request came before: this is what it came to then, and its memo. */
  | { kind: "repeated"; counts: AcceptCounts; memo: string }
  /** The key was used for another request. */
  | { kind: "conflict" }
  /** Nothing was stored. */
  | { kind: "refused"; problems: RefusedMessage[] };

/** A message of a request whose topic does not take it; `message` is the index in the request. */
export interface RefusedMessage extends RefusedTopic {
  message: number;
}

// Visits and suppressions --------------------------------------------------------------------------------------------

/** A reader's visit through a signed link. `link` of a click is where it led. */
export interface Visit {
  kind: "open" | "click";
  messageId: number;
  at: number;
  /** Made by a program (mail proxy, scanner), not by a reader. */
  machine: boolean;
  link: string | null;
}

/** An address that is not written to. */
export interface Suppression {
  /** Lower-cased. */
  address: string;
  reason: string;
  /** Where we have it from: `event`, `manual`, `import`, `ses`, `link` (of a mail). */
  source: string;
  /** For people: the bounce's diagnostic, a note. */
  detail: string | null;
  createdAt: number;
}

/** `createdAt`: since when, where it is known from elsewhere; else now. */
export type NewSuppression = Omit<Suppression, "createdAt" | "detail"> & { detail?: string | null; createdAt?: number };

// Keys ---------------------------------------------------------------------------------------------------------------

/** What an API key may do. `admin` includes the others. */
export type KeyScope = "send" | "read" | "admin";

/** A key of the gateway, live or revoked. */
export interface ApiKey {
  name: string;
  /** SHA-256 of the key; the key itself is never kept. */
  digest: Buffer;
  scopes: KeyScope[];
  createdAt: number;
  /** Null: it is live. */
  revokedAt: number | null;
}
