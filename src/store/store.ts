/**
 * What the program may ask of a store, divided into roles: who works with a store names the role it needs. One contract, one
 * test suite over every implementation.
 *
 * The promises that matter: a message handed out by `turn` is durably `sending` before the caller sees it; every change of
 * state names the state it leaves, so that two processes can never both move a message; counters always add up. What is
 * written is durable when its promise resolves. Every method rejects with StoppedError when the disk is full: nothing is
 * written then, and the same call may be made again.
 */
import type { Library } from "../deliver/library.ts";
import type { Source } from "../deliver/source.ts";
import type { EventSink } from "../feedback/event-sink.ts";
import type { State, Totals } from "../message.ts";
import type { Breakdown } from "./breakdown.ts";
import type {
  AcceptRequest,
  AcceptResult,
  ApiKey,
  ExportedMessage,
  FailedMessage,
  ListCounts,
  ListTarget,
  NewSuppression,
  Repeat,
  Reschedule,
  SentCounts,
  StagedRow,
  Suppression,
  TopicRow,
  Visit,
} from "./rows.ts";

/** A recipients list on its way in: nothing of it is in the store until `commit`, which puts all of it in at once. */
export interface Staging {
  /** Rejects with StoppedError when the temporary folder is full: then all that is left is to discard it. */
  add(rows: readonly StagedRow[]): Promise<void>;
  /** One transaction, once. Rejects with TopicRefusedError, and changes nothing, when the topic may not take these recipients. */
  commit(target: ListTarget): Promise<ListCounts>;
  /** Forgets what was staged. Harmless when called again or after `commit`. */
  discard(): Promise<void>;
}

/** Lists of recipients in. */
export interface Lists {
  /** One list at a time: the one before has to be committed or discarded. */
  stage(): Promise<Staging>;
  /** Rejects with TopicRefusedError when `commit` would refuse this topic or this content; changes nothing. */
  checkList(target: Pick<ListTarget, "topic" | "content" | "replaceContent">): Promise<void>;
}

/** Requests for mail in, and what tells a repeat from a new one. */
export interface Inbox {
  /** All requests in one durable transaction; each is stored whole or not at all. Results in the same order. */
  accept(requests: readonly AcceptRequest[]): Promise<AcceptResult[]>;
  /** What a request with this key came to, or that the key was used for another; null: never seen. */
  earlier(repeat: Repeat): Promise<Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null>;
  /** Those of the uuids that were accepted before. */
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
  /** What became of the (first) message accepted with this uuid; null: there is none. */
  accepted(uuid: string): Promise<Pick<ExportedMessage, "state" | "sesMessageId" | "error"> | null>;
  /** Forgets the answers kept for repeats that were given more than so many ms ago. */
  forgetAnswersOlderThan(ms: number): Promise<void>;
}

/** Visits through signed links in. */
export interface VisitSink {
  /** Counts opens and clicks in one transaction. Returns how many messages were visited for the first time. */
  applyVisits(visits: readonly Visit[]): Promise<number>;
  /** Whom a message went to; null: there is no such message. */
  addressee(messageId: number): Promise<{ email: string; topic: string } | null>;
}

/** Topics as a whole, and what a person does to one. An unknown topic is a UserError that names those there are. */
export interface Topics {
  /** Counts of one topic, or of all together when `topic` is null. */
  totals(topic: string | null): Promise<Totals>;
  /** Every topic, oldest first. */
  topics(): Promise<TopicRow[]>;
  /** One topic; null: there is none of this name. */
  topic(name: string): Promise<TopicRow | null>;
  /** Column names of every list that went into the topic, in order of first appearance. */
  columns(topic: string): Promise<string[]>;
  /** Cancels what is pending; the topic takes no further recipients. `inFlight`: messages whose call is under way. */
  cancel(topic: string): Promise<{ cancelled: number; inFlight: number }>;
  /**
   * Puts messages in these states back to pending and reopens the topic; those to suppressed addresses become `suppressed`.
   * `topic` null: of every topic that is not cancelled. Returns how many are pending now.
   */
  retry(topic: string | null, states: State[]): Promise<number>;
  /** Moves pending messages to another time. Returns how many. */
  reschedule(topic: string, when: Reschedule): Promise<number>;
}

/** Questions about messages. An unknown topic is a UserError that names those there are. */
export interface Reader {
  /** Streams the topic's messages in these states (null: in any) in the order they were added. */
  messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage>;
  /** Messages that are failed or in doubt, newest first: up to `limit`, of one topic or, when null, of all. */
  failedMessages(topic: string | null, limit: number): Promise<FailedMessage[]>;
  /** What was sent within the last so many ms, by topic; topics of which nothing was sent are left out. */
  sentWithin(ms: number): Promise<Map<string, SentCounts>>;
  /** How many messages were sent within the last so many ms. */
  countSentWithin(ms: number): Promise<number>;
  /**
   * Answers questions about one topic along other lines: all of one instant. Rejects with InterruptedError when the signal
   * aborts.
   */
  breakdown<T>(topic: string, signal: AbortSignal, ask: (lines: Breakdown) => Promise<T>): Promise<T>;
}

/** Addresses that are not written to, compared without regard to case. */
export interface Suppressions {
  /** Suppresses addresses, and the messages that wait for them, in one transaction. Returns how many are new. */
  suppress(entries: readonly NewSuppression[]): Promise<number>;
  /** Lets addresses be written to again; what was suppressed stays so until `retry`. Returns how many were there. */
  unsuppress(addresses: readonly string[]): Promise<number>;
  /** All of them, in order of address. */
  suppressions(): AsyncGenerator<Suppression>;
  /** Up to `limit` of those whose address contains `text`, in order of address. */
  searchSuppressions(text: string, limit: number): Promise<Suppression[]>;
  countSuppressions(): Promise<number>;
}

/** Who may use the gateway, and what links in mails are signed with. */
export interface Keys {
  /** Rejects with UserError when there is a live key of this name. A revoked name may be used again. */
  addKey(key: Pick<ApiKey, "name" | "digest" | "scopes">): Promise<void>;
  /** Live and revoked ones, oldest first. */
  keys(): Promise<ApiKey[]>;
  /** False: there is no live key of this name. */
  revokeKey(name: string): Promise<boolean>;
  /** What tracking links are signed with, newest first; the first is made when there is none. 32 random bytes each. */
  signingKeys(): Promise<Buffer[]>;
  /** Makes a new one; links signed with older ones stay good. */
  rotateSigningKey(): Promise<void>;
}

/** All roles of one store. */
export interface Store extends Source, Lists, Inbox, EventSink, VisitSink, Topics, Reader, Library, Suppressions, Keys {
  /** Rejects when the store cannot be read or written, and for ten seconds after a write found the disk full. */
  ping(): Promise<void>;
  /** Lets go of the store: nothing may be asked of it after that. Messages this process still holds become in doubt. */
  close(): Promise<void>;
}

/** A store just opened. `recovered`: how many messages processes that died had left in flight; they are in doubt now. */
export type Opened<Kind extends Store = Store> = Kind & { recovered: number };
