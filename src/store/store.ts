/**
 * What the rest of the program may ask of a job file. One contract, one test suite over every implementation.
 *
 * The promises that matter: a message handed out by `turn` is durably `sending` before the caller sees it; every change of
 * state names the state it leaves, so that two processes can never both move a message; counters always add up.
 */
import type { Content, State, Totals } from "../message.ts";
import type { SesEvent } from "../feedback/ses-event.ts";
import type { Scope, Source } from "../deliver/source.ts";

import type { BackupAnswer } from "./sqlite/backup.ts";
import type { Breakdown } from "./breakdown.ts";

/** Where a topic's mail goes. Kept apart so that a rehearsal can never be mistaken for the real thing. */
export type Endpoint = "ses" | "sandbox";

/** Where messages go for which no topic was named, or this one. Two of them are never taken for the same mail. */
export const NO_TOPIC = "no-topic";

export interface StagedRow {
  /** As it will be written to: domain lower-cased and punycode, local part as given. */
  email: string;
  /** JSON array of the CSV fields in the order of the file's columns; behind them, of a message with files, what `Examiner` recorded. */
  fields: string;
  /** Milliseconds since the epoch; 0 means at once. */
  notBefore: number;
}

export interface IngestCounts {
  added: number;
  duplicates: number;
  suppressed: number;
}

/** A recipients list on its way in: nothing of it is in the job file until `commit`, which puts all of it in at once. */
export interface Staging {
  add(rows: StagedRow[]): void;
  /** One transaction. Throws UserError, and changes nothing, when the topic may not take these recipients. */
  commit(target: IngestTarget): Promise<IngestCounts>;
  /** Forgets what was staged. Safe to call twice and after `commit`. */
  discard(): void;
}

export interface IngestTarget {
  topic: string;
  content: Content;
  /** Name of the file, for the record. */
  file: string;
  columns: string[];
  /** 1 low, 5 medium, 10 high. */
  priority: number;
  /** When the topic is due, for `topics`: milliseconds, or null for at once. */
  notBefore: number | null;
  /** Give what was not sent yet this content instead of refusing a different one. */
  replaceContent: boolean;
  /** Count only: everything is done and taken back. */
  rehearse: boolean;
}

/** Messages of a topic by what came back. Five opens of one mail are 1. */
export interface EventCounts {
  delivered: number;
  bounced_permanent: number;
  bounced_transient: number;
  complained: number;
  opened: number;
  clicked: number;
  rejected: number;
  delayed: number;
}

export interface TopicRow extends Totals, EventCounts {
  topic: string;
  notBefore: number | null;
  cancelledAt: number | null;
  endpoint: Endpoint | null;
  firstSentAt: number | null;
  lastSentAt: number | null;
  /** All visits through our own links, where `opened` and `clicked` count messages. */
  readerOpens: number;
  machineOpens: number;
  clicks: number;
}

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

/** What was sent in a span of time, and what came back of it. */
export interface SentCounts extends EventCounts {
  sent: number;
  first: number;
  last: number;
}

/** One instant for all, or one for each recipient; `notBefore` is the earliest of them, for `topics`. All ms. */
export interface Reschedule {
  notBefore: number;
  instantOf: ((fields: Record<string, string>) => number) | null;
}

export interface Suppression {
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

/** What a batch of events came to. `applied + duplicates + unmatched` is the number of events. */
export interface Applied {
  applied: number;
  duplicates: number;
  unmatched: number;
  /** Messages in doubt that an event proved sent. */
  settled: number;
  /** Addresses newly suppressed. */
  suppressed: number;
}

/** One message of a request to the gateway: one content to many. */
export interface AcceptMessage {
  /** Null: none was named. Then only `uuid` and the Idempotency-Key tell a repeat from a new mail. */
  topic: string | null;
  content: Content;
  /** As they will be written to. An address named twice counts as a duplicate. */
  emails: readonly string[];
  /** 10 high, 5 medium, 1 low. */
  priority: number;
  /** Milliseconds since the epoch; 0 means at once. */
  notBefore: number;
  /** The client's own name for this message: given again, nothing of it is added. */
  uuid: string | null;
}

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

export type AcceptResult =
  | { kind: "stored"; counts: AcceptCounts }
  /** The same request came before: this is what it came to then, and its memo. */
  | { kind: "repeated"; counts: AcceptCounts; memo: string }
  /** The key was used for another request. */
  | { kind: "conflict" }
  /** Nothing was stored; `message` is the index in the request. */
  | { kind: "refused"; problems: { message: number; reason: string }[] };

/** A reader's visit through a signed link. `link` of a click is where it led. */
export interface Visit {
  kind: "open" | "click";
  messageId: number;
  at: number;
  /** Made by a program (mail proxy, scanner), not by a reader. */
  machine: boolean;
  link: string | null;
}

/** A message that failed or is in doubt. */
export interface Trouble {
  id: number;
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

/** What an API key may do. `admin` includes the others. */
export type KeyScope = "send" | "read" | "admin";

export interface ApiKey {
  name: string;
  /** SHA-256 of the key; the key itself is never kept. */
  digest: Buffer;
  scopes: KeyScope[];
  createdAt: number;
  revokedAt: number | null;
}

/** What the gateway needs beyond the rest: requests in, visits, keys. */
export interface GatewayStore {
  /** All requests in one durable transaction; each is stored whole or not at all. Results in the same order. */
  accept(requests: readonly AcceptRequest[]): Promise<AcceptResult[]>;
  /** What a request with this key came to, or that the key was used for another; null: never seen. */
  earlier(repeat: Repeat): Promise<Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null>;
  /** Those of the uuids that were accepted before. */
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
  /** What became of the (first) message accepted with this uuid; null: there is none. */
  accepted(uuid: string): Promise<Pick<ExportedMessage, "state" | "sesMessageId" | "error"> | null>;
  /** Counts opens and clicks in one transaction. Returns how many messages were visited for the first time. */
  applyVisits(visits: readonly Visit[]): Promise<number>;
  topic(name: string): Promise<TopicRow | null>;
  /** Messages sent since the instant (ms). */
  countSentSince(since: number): Promise<number>;
  /** Newest first; of one topic, or of all when null. Unknown topic: UserError. */
  troubles(topic: string | null, limit: number): Promise<Trouble[]>;
  /** Whom a message went to; null: there is no such message. */
  addressee(messageId: number): Promise<{ email: string; topic: string } | null>;
  /** Suppressions whose address contains `text`, in order of address. */
  searchSuppressions(text: string, limit: number): Promise<Suppression[]>;
  countSuppressions(): Promise<number>;

  /** Throws UserError when there is a live key of this name. A revoked name may be used again. */
  addKey(key: Pick<ApiKey, "name" | "digest" | "scopes">): Promise<void>;
  keys(): Promise<ApiKey[]>;
  /** False: there is no live key of this name. */
  revokeKey(name: string): Promise<boolean>;
  /** What tracking links are signed with, newest first; the first is made when there is none. 32 random bytes each. */
  signingKeys(): Promise<Buffer[]>;
  /** Makes a new one; links signed with older ones stay good. */
  rotateSigningKey(): Promise<void>;

  /** Forgets answers kept for repeats that came before the instant (ms). */
  forgetAnswers(before: number): Promise<void>;
  /** A consistent copy of the job file, made while others work on it; mode 0600. Throws UserError when `path` exists or its folder does not. */
  backup(path: string, signal?: AbortSignal): Promise<BackupAnswer>;
  /** Throws when the job file cannot be read or written, and for ten seconds after a write found the disk full. */
  ping(): Promise<void>;
}

export interface Store extends Source, GatewayStore {
  /** The job file's random id, the value of the tag `ses-mail-job`. */
  readonly jobId: string;

  stage(): Staging;
  /** Throws UserError when `commit` would refuse this topic or this content; changes nothing. */
  checkIngest(target: Pick<IngestTarget, "topic" | "content" | "replaceContent">): Promise<void>;

  /** How many messages of the scope are due now, and when (ms) the first of the others will be; null: there are none. */
  outlook(scope: Scope): Promise<{ due: number; nextDueAt: number | null }>;
  /** Counts of one topic, or of all together when `topic` is null. Unknown topic: UserError. */
  totals(topic: string | null): Promise<Totals>;
  topics(): Promise<TopicRow[]>;
  /** Messages sent since `since` (ms), by topic. */
  sentSince(since: number): Promise<Map<string, SentCounts>>;
  /** Column names of every list that went into the topic, in order of first appearance. */
  columns(topic: string): Promise<string[]>;
  /** Streams the topic's messages in the order they were added. */
  messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage>;
  /** Answers questions about one topic along other lines: all of one instant. Unknown topic: UserError. */
  breakdown<T>(topic: string, signal: AbortSignal, ask: (lines: Breakdown) => Promise<T>): Promise<T>;
  /** The content of the topic and one recipient of it, to show or to send as a sample. */
  content(contentId: number): Promise<Content>;
  ingestColumns(ingestId: number): Promise<string[]>;

  /** Moves pending messages to another time. Returns how many. */
  reschedule(topic: string, when: Reschedule): Promise<number>;
  cancel(topic: string): Promise<{ cancelled: number; inFlight: number }>;
  /**
   * Puts messages back to pending and reopens the topic; suppressed addresses become `suppressed`. `topic` null: of every
   * topic that is not cancelled.
   */
  retry(topic: string | null, states: State[]): Promise<number>;

  /** Applies events in one transaction: all of them, or none when it fails. */
  applyEvents(batch: readonly SesEvent[]): Promise<Applied>;
  /** Gives events that came before their message was known to it, now that it may be: of messages sent since then (ms), or of all. */
  matchKeptEvents(sentSince?: number | null): Promise<Applied>;

  /** Suppresses addresses, and the messages that wait for them. Returns how many are new. */
  suppress(entries: readonly NewSuppression[]): Promise<number>;
  unsuppress(addresses: readonly string[]): Promise<number>;
  suppressions(): AsyncGenerator<Suppression>;

  close(): void;
}
