/**
 * The contract of a store, divided into roles. Code that works with a store names only the roles it needs. One test suite runs
 * over every kind of store.
 *
 * What every store promises:
 *
 * - A message that `turn` hands out is durably `sending` before the caller sees it.
 * - Every change of state names the state it leaves, so two processes can never both move a message.
 * - The counters of a topic always agree with its messages.
 * - A write is durable when its promise resolves.
 * - A method that writes rejects with StoppedError when the store cannot be written to. Its open transaction is rolled back then,
 *   and the same call may be made again.
 * - Any method rejects with AwayError, a StoppedError, when the store cannot be reached for now. Once it is open, a store never
 *   rejects with UserError for a reason of its server.
 * - A method that waits for another process rejects with InterruptedError after the first signal, and has changed nothing.
 *   Only `accept`, and a `turn` that brings answers, wait longer.
 * - `cancel`, `retry` and `reschedule` may move many messages in parts, so that others can write in between. A signal ends them before
 *   the first part only. When one fails later, what it did stays, and the same call goes on.
 */
import type { Library } from "../deliver/library.ts";
import type { Claim, Scope, Source } from "../deliver/source.ts";
import type { EventSink } from "../feedback/event-sink.ts";
import type { Content, State, Totals } from "../message.ts";
import type { Breakdown } from "./breakdown.ts";
import type {
  AcceptRequest,
  AcceptResult,
  Addressee,
  ApiKey,
  DeadLetter,
  DeadLetterRow,
  ExportedMessage,
  FailedMessage,
  ForecastMail,
  Forgetting,
  HandedOutcome,
  HandedResult,
  ListCounts,
  ListForecast,
  ListTarget,
  MailParts,
  MessageHistory,
  MessageRecord,
  NewDeadLetter,
  NewSuppression,
  Page,
  Prunable,
  Pruned,
  Rehearsal,
  Repeat,
  Report,
  Reporting,
  Reschedule,
  Sender,
  SentCounts,
  StagedRow,
  Suppression,
  SuppressionSearch,
  Template,
  TemplateRow,
  TopicPage,
  TopicRow,
  Unsubscription,
  Visit,
  Workforce,
} from "./rows.ts";

/** A list that is being added. Nothing of it is in the store until `commit` adds all of it at once. */
export interface Staging {
  /** Stages rows. Rejects with StoppedError when the temporary folder is full; discard the list then. */
  add(rows: readonly StagedRow[]): Promise<void>;
  /**
   * Counts what `commit` would do with the staged rows in this topic. `mail` not set: it is bulk mail of no list. Changes nothing, and
   * holds nobody up.
   */
  forecast(topic: string, mail?: ForecastMail): Promise<ListForecast>;
  /**
   * Adds the staged rows, as a whole or not at all. To be called once. Rejects with TopicRefusedError, and changes nothing, when the
   * topic may not take the list. Resolves when all of it is there; of many rows for a topic that exists, some are seen, and claimed, before.
   */
  commit(target: ListTarget): Promise<ListCounts>;
  /** Forgets the staged rows. May be called again, and after `commit`. */
  discard(): Promise<void>;
}

/** Adds lists of recipients. */
export interface Lists {
  /** Begins a list. The list before has to be committed or discarded. */
  stage(): Promise<Staging>;
  /** Rejects with TopicRefusedError when `commit` would now refuse the topic or the content. Changes nothing. */
  checkList(target: Pick<ListTarget, "topic" | "content" | "replaceContent">): Promise<void>;
}

/** Takes requests for mail in, and tells a repeat from a new request. */
export interface Inbox {
  /**
   * Stores the requests in one durable transaction, each whole or not at all. The results have the same order. Rejects with
   * StoppedError when the store stays locked; nothing is stored then.
   */
  accept(requests: readonly AcceptRequest[]): Promise<AcceptResult[]>;
  /** What an earlier request with this key came to, or that the key was used for another one; null: the key is new. */
  earlier(repeat: Repeat): Promise<Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null>;
  /** Which of the uuids were accepted before. */
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
  /** What became of the message accepted with this uuid, the first one when it went to several addresses; null: there is none. */
  accepted(uuid: string): Promise<Pick<ExportedMessage, "state" | "sesMessageId" | "error"> | null>;
  /** Forgets answers kept for repeats that are older than `ms`. */
  forgetAnswersOlderThan(ms: number): Promise<void>;
}

/** Counts visits through our own links. */
export interface VisitSink {
  /**
   * Counts opens and clicks in one transaction. A visit to a message that was never handed to SES is ignored. Returns how many
   * messages were visited for the first time.
   */
  applyVisits(visits: readonly Visit[]): Promise<number>;
  /**
   * Suppresses the addresses of these messages (reason `unsubscribe`, source `link`) for what their readers leave, and counts the
   * unsubscriptions on their topics, each message once, in one transaction. A message that was never handed to SES is not counted, and
   * one that does not exist is ignored. Returns how many messages were counted.
   */
  unsubscribe(requests: readonly Unsubscription[]): Promise<number>;
  /**
   * Takes the unsubscription through this message back: it is no longer counted, and what links suppressed of its address for the
   * list of the message and for all bulk mail is lifted. Mail like it may be written to the address again then, unless that is
   * suppressed for another reason or one of its messages bounced hard or brought a complaint. Messages that are `suppressed` stay so
   * until `retry`. Returns whether mail like it may be written to the address now; false for an unknown message.
   */
  resubscribe(messageId: number): Promise<boolean>;
  /** Whom a message is for, and what it is; null: there is no such message. */
  addressee(messageId: number): Promise<Addressee | null>;
}

/**
 * Topics as a whole, and what a person does to one. Except for `topic`, an unknown name is a UserError whose hint names the five
 * latest topics.
 */
export interface Topics {
  /** The counts of one topic, or of all together when `topic` is null. */
  totals(topic: string | null): Promise<Totals>;
  /** Every topic, oldest first. Memory grows with their number: what may meet many reads `topicPage`. */
  topics(): Promise<TopicRow[]>;
  /** A page of topics, in the order in which they were made. Costs the same on the first page and on any other, unless it is filtered. */
  topicPage(page: TopicPage): Promise<Page<TopicRow>>;
  countTopics(): Promise<number>;
  /**
   * The topics with pending messages of which at least `answers` messages were delivered or bounced for good, oldest first. Costs
   * no more when there are many others.
   */
  topicsWithAnswers(answers: number): Promise<TopicRow[]>;
  /** The topics that are paused now, oldest first. It costs no more when others are many. */
  paused(): Promise<TopicRow[]>;
  /** The topics that somebody is giving another time or content, or was when the process died, oldest first. It costs no more when others are many. */
  moving(): Promise<TopicRow[]>;
  /** The topic of this name; null: there is none. */
  topic(name: string): Promise<TopicRow | null>;
  /** The column names of all lists of the topic, each once, in order of first appearance. */
  columns(topic: string): Promise<string[]>;
  /**
   * Cancels what is pending. Except for `NO_TOPIC`, the topic takes no further recipients until `retry` reopens it, and from the first
   * moment nothing of it is claimed. `cancelled`: how many messages this call cancelled. `inFlight`: how many are `sending`, whose
   * calls can no longer be stopped.
   */
  cancel(topic: string): Promise<{ cancelled: number; inFlight: number }>;
  /**
   * Puts messages in these states back to `pending`, or to `suppressed` where the address is suppressed, with no attempts
   * counted. What has expired stays as it is. Reopens the topic when a message became `pending` or `states` has `cancelled`. `topic` null:
   * of every topic that is not cancelled and not pruned. Returns how many became `pending`. Rejects with TopicRefusedError when the topic
   * was pruned.
   */
  retry(topic: string | null, states: State[]): Promise<number>;
  /**
   * Cancels a bounded number of messages that have expired, of any topic, also of one that is paused. `expired`: how many of `topic`
   * (null: of all), with those that no turn of this handle has told yet. `more`: there may be more, of any topic.
   */
  expire(topic: string | null): Promise<{ expired: number; more: boolean }>;
  /** How many messages of the topic in these states have expired, so that `retry` leaves them as they are. */
  countExpired(topic: string, states: readonly State[]): Promise<number>;
  /**
   * Claims nothing of the topic for `forMs` (whole milliseconds above 0) from now; null: until `resume`. What is `sending` is not
   * touched, and the topic goes on taking recipients. A pause under way is replaced. When the clock of the store is set back, the
   * pause is made longer by no more than `forMs`. Rejects with TopicRefusedError when the topic is cancelled or was pruned.
   */
  pause(topic: string, forMs: number | null): Promise<void>;
  /** Ends the pause of a topic. False: it was not paused. */
  resume(topic: string): Promise<boolean>;
  /**
   * Gives the pending messages of a topic another time: all of them, or none. The expiry of those that got it as a span moves with that;
   * what has expired already is left to expire. From the first moment nothing of the topic is claimed until all have their time, except
   * for `NO_TOPIC`, whose messages move at one moment. Returns how many this call moved. Rejects with TopicRefusedError when the topic is
   * cancelled. When it is cancelled, or given yet another time, meanwhile, then that is what holds.
   */
  reschedule(topic: string, when: Reschedule): Promise<number>;
  /**
   * Finishes what processes that died were doing to topics (`cancel`, `reschedule`) and have not touched for half a minute. Costs one
   * look when there is nothing. Rejects with InterruptedError, between two parts, when the signal aborts.
   */
  finishOthersWork(signal: AbortSignal): Promise<void>;
  /**
   * Removes the rehearsal of a topic that only ever went to the sandbox, so that it can be sent for real. Everything that the sandbox
   * had, what only a rehearsal suppressed, and what expired after a span, is `pending` again, or `suppressed` where the address really
   * is; with no attempts, errors, events or visits, and with the topic's own content. What else is cancelled stays so. What expires after
   * a span has all of it again; `expiresInMs` gives every message a span. `notBefore` is the instant before which
   * none of it is due (ms since the epoch); null: each message is due as it was. Nothing of the topic is claimed before all of it is
   * done. Returns what was removed; null: there was no rehearsal. Rejects with TopicRefusedError, and changes nothing,
   * when the topic is cancelled or is being rehearsed by a live process. Rejects with InterruptedError when the signal aborts; then,
   * and after a crash, the next call goes on.
   */
  startAfresh(
    topic: string,
    options: { signal: AbortSignal; notBefore: number | null; expiresInMs?: number | null },
  ): Promise<Rehearsal | null>;
  /** How many messages of the topic `startAfresh` would leave `suppressed`. */
  staySuppressed(topic: string): Promise<number>;
  /** The processes that have messages of the topic in `sending`. */
  senders(topic: string): Promise<Sender[]>;
}

/** Questions about messages. An unknown topic is a UserError whose hint names the five latest topics. */
export interface Reader {
  /** Streams the messages of a topic in these states (null: all states) in the order they were added, some hundred at a time. */
  messages(topic: string, states: State[] | null): AsyncGenerator<ExportedMessage[]>;
  /**
   * The same without those of which each of these columns of its list says what its address is. `columns` are names as `Topics.columns`
   * gives them. A few that are no different may come along, and none whose list has no such column. Rejects with InterruptedError when
   * the signal aborts.
   */
  messagesUnlike(
    topic: string,
    states: State[] | null,
    columns: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<ExportedMessage[]>;
  /** The message of the scope that a turn would claim first; it is not claimed. Null: nothing is due, or there is no such topic. */
  peek(scope: Scope): Promise<Claim | null>;
  /** Up to `limit` messages that are failed or in doubt, newest first, of one topic or, when null, of all. */
  failedMessages(topic: string | null, limit: number): Promise<FailedMessage[]>;
  /** The message with this id; null: there is none. */
  message(id: number): Promise<MessageRecord | null>;
  /** Up to `limit` messages to this address, in any topic, newest first. Case does not matter. */
  messagesTo(address: string, limit: number): Promise<MessageRecord[]>;
  /** Up to `limit` messages that were accepted with this uuid, newest first: one for each address it went to. */
  messagesNamed(uuid: string, limit: number): Promise<MessageRecord[]>;
  /** The newest `limit` messages about which somebody is told under this name (`Reporting.name`), such as the id of a job of Redis. */
  messagesReportedAs(name: string, limit: number): Promise<MessageRecord[]>;
  /** The first `limit` uuids that begin so, in the order of their bytes. */
  uuidsFrom(prefix: string, limit: number): Promise<string[]>;
  /** Up to `limit` messages that SES gave this message id, newest first. It gives each id once. */
  messagesBySesId(sesMessageId: string, limit: number): Promise<MessageRecord[]>;
  /** What else is known of these messages, by id. Those that do not exist are left out. */
  histories(ids: readonly number[]): Promise<Map<number, MessageHistory>>;
  /** What the mail of this message is made of; null: there is no such message. */
  mailParts(id: number): Promise<MailParts | null>;
  /** The topic's own content, with the values of its first recipient. */
  sampleParts(topic: string): Promise<MailParts>;
  /** Counts what was sent within the last `ms`, by topic. Topics of which nothing was sent then are left out. */
  sentWithin(ms: number): Promise<Map<string, SentCounts>>;
  /** How many messages were sent within the last `ms`. */
  countSentWithin(ms: number): Promise<number>;
  /**
   * Calls `ask` with questions about one topic, which are all answered as of one instant, and returns what it returns. The
   * questions must not be used after that. Rejects with InterruptedError when the signal aborts.
   */
  breakdown<T>(topic: string, signal: AbortSignal, ask: (lines: Breakdown) => Promise<T>): Promise<T>;
}

/**
 * Addresses that are not written to: for one list, for all bulk mail, or for everything. Case does not matter when addresses are
 * compared.
 */
export interface Suppressions {
  /**
   * Suppresses addresses, and the pending messages that this stops, in one transaction. Returns how many entries are new: an address is
   * kept once for each list. What a rehearsal suppresses stops rehearsals only: a real suppression takes its place, and is never
   * weakened by it.
   */
  suppress(entries: readonly NewSuppression[]): Promise<number>;
  /**
   * Allows mail to addresses again. `list` not set: whatever stopped it, also that somebody was forgotten. Set: only the suppression of
   * this list, where `EVERYTHING_LIST` and `ALL_BULK` are lists of their own. Messages that are `suppressed` stay so until `retry`.
   * Returns how many of the addresses had a suppression that was removed.
   */
  unsuppress(addresses: readonly string[], list?: string): Promise<number>;
  /** Why this address is not written to, in order of list; also that somebody with this address was forgotten. */
  suppressionsOf(address: string): Promise<Suppression[]>;
  /** Streams all of them in order of address and list. */
  suppressions(): AsyncGenerator<Suppression>;
  /**
   * A page of the suppressions whose address contains `text`, of one list or of any, newest first. Others are served while a long list is searched, so
   * an entry that is added or removed meanwhile may be in the answer or not.
   */
  searchSuppressions(search: SuppressionSearch): Promise<Page<Suppression>>;
  /** How many there are for any list, without those of rehearsals. */
  countSuppressions(): Promise<number>;
}

/**
 * Removes messages for good, with all that is kept of them. The counters of topics still count them. It works in parts that hold
 * nobody up for more than some hundredths of a second. Both reject with InterruptedError when the signal aborts between two parts;
 * then, and after a crash, the next call goes on.
 */
export interface Removal {
  /**
   * Forgets a person: messages, events (the kept ones, too), uuids that name only these messages, contents that nobody else has, dead
   * letters that name the address, and suppressions. Before anything else a hash of the address is kept, so that nobody writes to it again. Case does not matter.
   */
  forget(address: string, signal: AbortSignal): Promise<Forgetting>;
  /**
   * What `prune` would remove now. A topic is finished when nothing of it is `pending` or `sending` and the last thing that was added,
   * due, sent or cancelled is older than that. At most `named` of them are named. Changes nothing.
   */
  prunable(olderThanMs: number, options: { named: number; signal: AbortSignal }): Promise<Prunable>;
  /**
   * Removes all messages of finished topics, which take no recipients any more; of `NO_TOPIC` those messages that are old themselves;
   * and old kept events. Uuids stay known, and no id is given again. `onProgress` is told what was removed so far.
   */
  prune(
    olderThanMs: number,
    options: { signal: AbortSignal; onProgress?: (soFar: Readonly<Pruned>) => void },
  ): Promise<Pruned>;
}

/** The API keys of the gateway, and the keys that sign links in mails. */
export interface Keys {
  /** Adds an API key. Rejects with UserError when a live key has this name; the name of a revoked key may be used again. */
  addKey(key: Pick<ApiKey, "name" | "digest" | "scopes">): Promise<void>;
  /** The live and the revoked API keys, oldest first. */
  keys(): Promise<ApiKey[]>;
  /** Revokes an API key. False: there is no live key of this name. */
  revokeKey(name: string): Promise<boolean>;
  /** The signing keys, newest first, each 32 random bytes. Makes the first one when there is none. */
  signingKeys(): Promise<Buffer[]>;
  /** Adds a signing key. Links signed with older keys stay valid. */
  rotateSigningKey(): Promise<void>;
}

/** Contents with variables, kept under names for mail that programs post. What was accepted keeps the version it was accepted with. */
export interface Templates {
  /**
   * Gives the template this content, as its next version unless it has it already. `isNew`: there is a new version. A removed template
   * goes on with the next version. Rejects with UserError when the name is new and there are 10,000 others.
   */
  putTemplate(name: string, content: Content): Promise<{ version: number; isNew: boolean }>;
  /** The current version of the template; null: there is none of this name, or it was removed. */
  template(name: string): Promise<Template | null>;
  /** The current versions of all templates, in order of name. */
  templates(): Promise<TemplateRow[]>;
  /** Removes the template from further use. False: there is none of this name. */
  removeTemplate(name: string): Promise<boolean>;
}

/**
 * What inlets could not take in. Nothing of it is ever removed but by a person, and by `forget` when it names the address. Texts are
 * kept without the character NUL; a reason has at most 1,000 characters.
 */
export interface DeadLetters {
  /**
   * Keeps them in one durable transaction. One that came before (the same source, origin and bytes) is counted once more, with its new
   * reason. Other bytes of the same origin are kept, too, under the origin with a number behind it. Returns how many are new.
   */
  keepDead(letters: readonly NewDeadLetter[]): Promise<number>;
  /** A page of them, newest first. `before`: only those with a lower id; null: from the newest. `limit`: at most that many. */
  deadLetters(page: { before: number | null; limit: number }): Promise<DeadLetterRow[]>;
  /** The dead letter with this id; null: there is none. */
  deadLetter(id: number): Promise<DeadLetter | null>;
  /** Removes those of these ids that there are. Returns how many there were. */
  dropDead(ids: readonly number[]): Promise<number>;
  /** How many there are. */
  countDead(): Promise<number>;
  /** About how much room they take: the bytes of their bodies, and `BESIDE_BODY` for each. It may take a tenth of a second. */
  deadBytes(): Promise<number>;
}

/**
 * What is told to those who brought messages (`AcceptMessage.reports`): each change of state, whoever made it. Of several changes only
 * the last one is told. Over NATS neither `pending` nor `sending` is. That a new message waits is not told either.
 */
export interface Reports {
  /** Up to `limit` reports that are still to be told by this broker, those of the oldest messages first. */
  reports(via: Reporting["via"], limit: number): Promise<Report[]>;
  /** Notes that these were told. A message whose state changed since stays to be told. */
  told(reports: readonly Pick<Report, "messageId" | "state">[]): Promise<void>;
  /** How many reports are still to be told, by all brokers. Counts no further than `limit`. */
  countReports(limit: number): Promise<number>;
}

/**
 * Messages that were handed over to a broker, for others to send (`Settlement` of the kind `handed_over`). They are `sending` until
 * a result, or an event that proves them sent, settles them.
 */
export interface Handed {
  /**
   * Applies results, in one durable transaction. Returns, in the same order, what each did: `known`: it changed nothing; `early`: its process
   * has not written yet that it handed the message over, so the result has to be brought again; `unknown`: the message does not exist, or
   * was not handed over. `rules/handed.ts` is the table.
   */
  settleHanded(results: readonly HandedResult[]): Promise<HandedOutcome[]>;
  /** Puts in doubt what was handed over longer than `ms` ago and not settled since, in parts. Returns how many. */
  doubtHanded(ms: number): Promise<number>;
  /** How many messages are handed over and not settled. */
  countHanded(): Promise<number>;
}

/** Who works on the store. */
export interface Workers {
  /**
   * The live processes that have taken a turn and have not left, and the rate they share. A process that has taken no turn for as
   * long as a lease lasts is not among them. Changes nothing.
   */
  workers(): Promise<Workforce>;
}

/** All roles of one store. */
export interface Store
  extends
    Source,
    Lists,
    Inbox,
    EventSink,
    VisitSink,
    Topics,
    Reader,
    Library,
    Suppressions,
    Removal,
    Keys,
    Templates,
    Handed,
    DeadLetters,
    Reports,
    Workers {
  /** Rejects when the store cannot be read or written now, or when a write found the disk full in the last ten seconds. */
  ping(): Promise<void>;
  /**
   * Closes the store, which must not be used after that. Messages that it still holds in `sending` become `in_doubt` once a
   * process finds that this one has ended or that its lease has run out.
   */
  close(): Promise<void>;
}

/** How a store waits for another process that holds it, and for a server that cannot be reached. */
export interface Waiting {
  /**
   * Called now and then with the ms that we have waited so far. `trouble` says in words without a full stop why the server
   * cannot be reached; not set: another process holds the store.
   */
  onWait(waitedMs: number, trouble?: string): void;
  /** The first signal. It ends a wait with InterruptedError, and nothing is changed. */
  signal: AbortSignal;
  /** The second signal. It also ends the waits in which answers of SES are written. */
  hardSignal: AbortSignal;
}

/** How a store is opened. What is left out: wait as long as it takes, and tell nobody. */
export interface OpenOptions extends Partial<Waiting> {
  /** True: only questions will be asked, so it must also open where nothing can be written. */
  toRead?: boolean;
  /** True: what is read is mostly next to what was read before, so the store keeps less of it in memory. */
  readsInOrder?: boolean;
}

/**
 * A store just opened. `recovered`: how many messages of dead processes became `in_doubt` while it was opened. `elsewhere`: what
 * people should know of a job that was copied to another store and goes on there; null: it goes on here.
 */
export type Opened<Kind extends Store = Store> = Kind & { recovered: number; elsewhere: string | null };
