/** The data that a store takes and gives. Instants are milliseconds since the epoch. */
import type { Content, Kind, State, Totals, Values } from "../message.ts";
import type { RefusedTopic } from "./rules/admit.ts";
import type { EventCounts } from "./rules/event-counters.ts";
import type { Result } from "./rules/handed.ts";

/** Where the mail of a topic goes. It is kept, so that a rehearsal is never mistaken for the real thing. */
export type Endpoint = "ses" | "sandbox";

/** A part of a long list. */
export interface Page<Row> {
  rows: Row[];
  /** What to ask for (`after`) to get the rows that follow; null: there are none. Its form is the store's own. */
  next: string | null;
}

// Lists --------------------------------------------------------------------------------------------------------------

/** One recipient of a list. */
export interface StagedRow {
  /** The address for the mail: the domain in lower case and punycode, the local part as given. */
  email: string;
  /** JSON array of the CSV fields in the order of the file's columns. With files, its last element is what `Examiner` recorded. */
  fields: string;
  /** When the message is due; 0: at once. */
  notBefore: number;
}

/** Where a list goes, and how. */
export interface ListTarget {
  topic: string;
  content: Content;
  /** The name of the file, kept for people. */
  file: string;
  /** The names of the list's columns, in the order of each row's fields. */
  columns: string[];
  /** 1 low, 5 medium, 10 high. It is kept by the kind of the content (`rules/priority.ts`). */
  priority: number;
  /** When the topic is due, for `topics`; null: at once. */
  notBefore: number | null;
  /** True: when the topic has a different content, replace it in the topic and in what was not sent yet. False: refuse the list. */
  replaceContent: boolean;
  /**
   * How long after it is due each message may be handed to SES (whole milliseconds above 0): after its own time when it is scheduled,
   * else after the list is added. Null, or not set: it never expires.
   */
  expiresInMs?: number | null;
  /** Where the list is sent right after. Not set: that is decided later. What a rehearsal suppressed holds for the sandbox only. */
  endpoint?: Endpoint;
}

/** What became of the rows of a list. `added + duplicates + suppressed` is the number of rows. */
export interface ListCounts {
  added: number;
  /** Rows whose address the topic had already, or that the list named before. */
  duplicates: number;
  suppressed: number;
}

/** What of a list decides whom suppressions keep from getting it. What is not set is as in a content. */
export interface ForecastMail extends Pick<Content, "list" | "kind"> {
  /** Where the list is sent. Not set: that is not decided yet, and what rehearsals suppressed does not count. */
  endpoint?: Endpoint;
}

/** What would become of the staged rows of a list. The four counts add up to the number of rows. */
export interface ListForecast {
  /** Rows that would become messages to be sent. */
  added: number;
  /** Rows whose address the topic has already. */
  known: number;
  /** Rows whose address the list named before. */
  repeated: number;
  suppressed: number;
  /** The first of the rows in `added`; null: there are none. */
  first: Pick<StagedRow, "email" | "fields"> | null;
}

// Topics -------------------------------------------------------------------------------------------------------------

/** A topic and its counts. */
export interface TopicRow extends Totals, EventCounts {
  topic: string;
  /** When the earliest of its mail that waits is due; null: at once. Of a topic in which nothing waits, when it was due. */
  notBefore: number | null;
  /** Null: it is not cancelled. */
  cancelledAt: number | null;
  /** When somebody paused it; null: it is not paused now. */
  pausedAt: number | null;
  /** When the pause ends by itself; null: it is not paused, or until somebody resumes it. */
  pausedUntil: number | null;
  /** What its messages are being given in parts, another content first; nothing of it is sent before all have it. Null: nothing. */
  moving: "content" | "time" | null;
  /** Where its mail goes; null: nothing of it was claimed yet. */
  endpoint: Endpoint | null;
  /** When the first call about one of its messages may have left; null: none did. */
  calledAt: number | null;
  /** When somebody began to remove its rehearsal; null: nobody does now. */
  afreshAt: number | null;
  /** When its messages were removed because they were old; null: they were not. */
  prunedAt: number | null;
  /** How many of its messages were removed. The counts still have them, and nothing else does. */
  removed: number;
  firstSentAt: number | null;
  lastSentAt: number | null;
  /** When the first event of SES about one of its messages was taken in; null: none was, so what only SES knows is not known. */
  reportedAt: number | null;
  /** True: some of its mail tells of opens, or of clicks, through our own links. */
  tracksOpens: boolean;
  tracksClicks: boolean;
  /** This one and the next two count all visits through our own links, while `opened` and `clicked` count messages. */
  readerOpens: number;
  machineOpens: number;
  clicks: number;
}

/** Which topics a page has. */
export interface TopicPage {
  order: "oldest first" | "newest first";
  /** `Page.next` of the page before; null: the first page. A UserError when no page can have given it. */
  after: string | null;
  /** The most rows, 1 or more. */
  limit: number;
  /** Leaves others out; not given: all topics are in. Every topic is looked at until the page is full, in few milliseconds for thousands. */
  only?: TopicFilter;
}

/** Which topics are meant: those for which all is true that is given. */
export interface TopicFilter {
  /** A part of its name. Case does not matter as far as `nameForms` in topic-name.ts knows. */
  named?: string;
  /** Its mail went there; mail that never left went nowhere. */
  endpoint?: Endpoint;
  /** Some of it is pending. */
  waits?: true;
  /** Some of it is in doubt. */
  inDoubt?: true;
}

/** What the sandbox had of a topic: messages that went there, and those that had each event since. */
export interface Rehearsal extends EventCounts {
  sent: number;
  failed: number;
  in_doubt: number;
}

/** A process that has messages in `sending`. */
export interface Sender {
  host: string;
  pid: number;
}

/** A live process that takes turns on the store. */
export interface WorkerRow {
  /** Grows: who came later has the higher one. */
  id: number;
  kind: "sender";
  host: string;
  pid: number;
  /** Milliseconds until its lease runs out, unless a turn renews it. */
  leaseMs: number;
  /** How many messages it holds in `sending`. */
  sending: number;
  /** How many turns it has taken. The number may be as old as a few seconds. */
  turns: number;
  /** True for the handle that is asked. */
  isMe: boolean;
}

/** Who works on the store, oldest first, and how fast. */
export interface Workforce {
  workers: WorkerRow[];
  /**
   * In recipients per second. `perSecond`: the rate that a live process asked for last. `limit`: the rate in force, which is less
   * after throttling. Both are null when nobody works.
   */
  rate: { perSecond: number | null; limit: number | null };
}

/** How many messages of a topic were sent in a span of time, and how many of those had each event since. */
export interface SentCounts extends EventCounts {
  sent: number;
  /** When the first and the last of them were sent. */
  first: number;
  last: number;
}

/** Another time for the pending messages of a topic. It is data, because others finish what a process began that died. */
export interface Reschedule {
  /** The time of all messages, or the earliest of them when `times` is set; 0: at once. */
  notBefore: number;
  /** Null: all have the same time. */
  times: TimesByColumn | null;
}

/** A time for each recipient. */
interface TimesByColumn {
  /** The name of the column that decides. */
  column: string;
  /** The time (ms since the epoch) by what stands there, without spaces at its ends. Whoever has something else gets the earliest time. */
  at: Readonly<Record<string, number>>;
}

// Messages -----------------------------------------------------------------------------------------------------------

/** A message and its events, as `export` writes it. */
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
  /** Left out: opens by programs, such as mail proxies. */
  readerOpenedAt: number | null;
  clickedAt: number | null;
  unsubscribedAt: number | null;
  /** The recipient's columns by name. Data that a program posted are no columns, and are not here. */
  fields: Record<string, string>;
}

/** One message with all that is known of it. */
export interface MessageRecord extends Omit<ExportedMessage, "fields"> {
  id: number;
  /** The client's own name for it; null: it came without one. */
  uuid: string | null;
  topic: string;
  /** When its list or its request was taken in. */
  createdAt: number;
  /** The time it was scheduled for; null: at once. */
  notBefore: number | null;
  /** When it expires: it is not handed to SES after that. Null: never. */
  expiresAt: number | null;
}

/** What a store knows of one message beside its `MessageRecord`, for people who ask what happened to it. */
export interface MessageHistory {
  /** The name of the file that brought it; null: a request did. */
  list: string | null;
  /** Who brought the request, if no program posted it; null: one did, or an older version took it in. */
  via: Via | null;
  /** Where its topic goes, and when that was cancelled; null: nothing of it was claimed, or it is not cancelled. */
  endpoint: Endpoint | null;
  cancelledAt: number | null;
  /** After this it is not handed to SES any more; null: it never expires. */
  expiresAt: number | null;
  /** When it was handed over to a broker, for others to send; null: it was not, or somebody has said what became of it. */
  handedAt: number | null;
  /** What was told of it. Null: nothing was. */
  feedback: {
    /** When SES took it in, as its events say. */
    mailedAt: number | null;
    bouncedAt: number | null;
    softBouncedAt: number | null;
    readerOpenedAt: number | null;
    unsubscribedAt: number | null;
    /** How often our own picture was loaded, by readers and by programs. */
    opens: number;
    machineOpens: number;
  } | null;
  /** Its events, in order of time; those without a time come last. */
  events: HistoryEvent[];
  /** Events with its SES message id that are kept, and not applied to any message. */
  kept: { type: string; at: number | null; receivedAt: number }[];
}

/** One event of a message. */
export interface HistoryEvent {
  type: string;
  at: number | null;
  machine: boolean;
  /** The link of a click, the diagnostic of a bounce, the kind of a delay, the reason of a reject. */
  detail: string | null;
  /** How often it happened. */
  times: number;
  /** True: somebody followed a link that leads through us; false: SES told. */
  isVisit: boolean;
}

/** What a mail is made of: a content and one recipient's values. */
export interface MailParts {
  topic: string;
  /** Null: the topic has no recipient yet. */
  email: string | null;
  content: Content;
  /** The recipient's columns by name, or the data that were posted for it. */
  fields: Values;
}

/** A message that is `failed` or `in_doubt`, so that a person has to look at it. */
export interface FailedMessage {
  id: number;
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

// Requests -----------------------------------------------------------------------------------------------------------

/** One message of a request: one content to many addresses. */
export interface AcceptMessage {
  /** Null: none was named. Then only `uuid` and the Idempotency-Key tell a repeat from new mail. */
  topic: string | null;
  content: Content;
  /** The addresses for the mail, in the form of `StagedRow.email`. An address named twice counts as a duplicate. */
  emails: readonly string[];
  /** 1 low, 5 medium, 10 high. It is kept by the kind of the content (`rules/priority.ts`). */
  priority: number;
  /** When it is due; 0: at once. */
  notBefore: number;
  /** The client's own name for this message; null: none. A message with a known uuid is not added again. */
  uuid: string | null;
  /**
   * The values of each address, in the order of `emails`: the text of a JSON object. The same content with other data is another mail.
   * Not set: there are none.
   */
  data?: readonly string[];
  /**
   * The client's own names for the single addresses, in the order of `emails`; null: none. An address with a known uuid is not added
   * again. Not set: there are none. When it is set, `uuid` must be null: an address has one name.
   */
  uuids?: readonly (string | null)[];
  /** The instant after which it is not sent any more; null: none. Ignored when `expiresIn` is given. */
  expiresAt: number | null;
  /** The same as ms from when it is due, which is now, by the clock of the store, when `notBefore` is 0; null: not given so. */
  expiresIn: number | null;
  /** Who brought it, unless a program posted it. */
  via?: Via;
  /** Who is told what becomes of each message that is made for it; none is made for a duplicate. Not set: nobody. */
  reports?: Reporting;
  /**
   * What became of it in another program, which goes on here. It is added in that state, whether its address is suppressed or not, and
   * counts as `added`. What was sent, or may have been, went to the `endpoint` of the request. Events that were kept of it are applied
   * by `matchKeptEvents`. Not set: it is to be sent.
   */
  past?: Past;
}

/** What else than a program that posts brings mail: a broker, or `adopt`, from the database of another program. */
export type Via = "nats" | "redis" | "adopt";

/** By which broker somebody is told what becomes of a message, and the name that he gave it. */
export interface Reporting {
  via: "nats" | "redis";
  name: string;
}

/** What another program did with a message. `sentAt` is ms since the epoch. */
export type Past =
  | { state: "sent"; sesMessageId: string | null; sentAt: number }
  /** It may have been handed to SES. */
  | { state: "in_doubt"; error: string }
  | { state: "failed"; error: string }
  | { state: "cancelled" };

/** A request for mail. It is stored whole or not at all. */
export interface AcceptRequest {
  messages: readonly AcceptMessage[];
  /**
   * Where this gateway sends. A topic that was sent for real refuses to be rehearsed. One that was only rehearsed is set aside under
   * another name when this gateway sends for real, so that nothing of the rehearsal ever leaves.
   */
  endpoint: Endpoint;
  /** Null: the request has no Idempotency-Key. */
  repeat: Repeat | null;
  /** What the caller wants to have back when the request is repeated. It is kept only with `repeat`, and the store never reads it. */
  memo: string;
}

/** What tells that a request is a repeat. */
export interface Repeat {
  /** Who asks. Callers do not share keys. */
  caller: string;
  /** The Idempotency-Key. */
  key: string;
  /** A hash of the body: the same key with another fingerprint is a conflict. */
  fingerprint: string;
}

/** What became of the addresses of a request. `added + duplicates + suppressed` is the number of addresses. */
export interface AcceptCounts {
  added: number;
  duplicates: number;
  suppressed: number;
}

/**
 * The id of the message for each address of a request, in order. For a duplicate it is the message that the address has already, or the
 * one with its uuid; null where that is not known. Null instead of the list: the request has more than 1,000 addresses, or an older
 * program kept its answer.
 */
export type AcceptedIds = (number | null)[] | null;

/** What became of a request. */
export type AcceptResult =
  /** `setAside`: the rehearsals that made room for topics of their names. Not set: none did. */
  | { kind: "stored"; counts: AcceptCounts; ids: AcceptedIds; setAside?: SetAside[] }
  /** The same request came before. These are its counts, its ids and its memo from then. */
  | { kind: "repeated"; counts: AcceptCounts; ids: AcceptedIds; memo: string }
  /** The key was used for another request. */
  | { kind: "conflict" }
  /** Nothing was stored. */
  | { kind: "refused"; problems: RefusedMessage[] };

/** A rehearsal that was given another name. */
export interface SetAside {
  topic: string;
  /** Its name now, such as `june (rehearsal)`. */
  now: string;
}

/** A message of a request that its topic refuses. */
export interface RefusedMessage extends RefusedTopic {
  /** Its index in the request, from 0. */
  message: number;
}

// Templates ----------------------------------------------------------------------------------------------------------

/** A template as lists show it: a content with variables under a name, for mail that programs post. */
export interface TemplateRow {
  /** As `checkName` gives it: 1–100 printable characters in NFC. */
  name: string;
  /** From 1. Each content that the name gets has the next one. */
  version: number;
  /** When this version was added. */
  createdAt: number;
  /** As its author wrote it, with its `{{ variables }}`. */
  subject: string;
}

/** A template with its content. */
export interface Template extends Omit<TemplateRow, "subject"> {
  content: Content;
}

// Visits and suppressions --------------------------------------------------------------------------------------------

/** One visit through a signed link of ours. */
export interface Visit {
  kind: "open" | "click";
  messageId: number;
  at: number;
  /** True: a program (mail proxy, scanner) made it, not a reader. */
  machine: boolean;
  /** Where a click led; null: it is an open. */
  link: string | null;
}

/** Somebody unsubscribed through the signed link of a mail. */
export interface Unsubscription {
  messageId: number;
  at: number;
  /** `list`: from the list of the mail, or from all bulk mail when it has none. `everything`: from all bulk mail. */
  from: "list" | "everything";
}

/** An address that is not written to, for one reason. An address may have several. */
export interface Suppression {
  /** Lower-cased. Of somebody who was forgotten: see `rules/forgotten.ts`. */
  address: string;
  /** What it stops: `EVERYTHING_LIST`, `ALL_BULK` (`rules/suppress.ts`), or the mail of the list with this name. */
  list: string;
  reason: string;
  /** Where we know it from: `event`, `manual`, `import`, `ses` (its suppression list) or `link` (in a mail). */
  source: string;
  /** For people: the bounce's diagnostic, a note. */
  detail: string | null;
  createdAt: number;
  /** True: a rehearsal made it, and it holds for rehearsals only. */
  rehearsal: boolean;
}

/** Which suppressions a page has. */
export interface SuppressionSearch {
  /** Case does not matter. Empty: all of them. */
  text: string;
  /** Only those of this list, where `EVERYTHING_LIST` and `ALL_BULK` are lists of their own. Not set: those of any. */
  list?: string | undefined;
  /** As in `TopicPage`. */
  after: string | null;
  limit: number;
}

/**
 * A suppression to add. `list` not set: it stops everything. `createdAt` is known when it comes from elsewhere; not set: now.
 * `rehearsal` not set: it is real.
 */
export type NewSuppression = Pick<Suppression, "address" | "reason" | "source"> &
  Partial<Pick<Suppression, "list" | "detail" | "createdAt" | "rehearsal">>;

/** Whom a message is for, and what it is. */
export interface Addressee {
  email: string;
  topic: string;
  /** The sender as the author wrote it. */
  from: string;
  /** The list of its content; null: it has none. */
  list: string | null;
  kind: Kind;
}

// Removal ------------------------------------------------------------------------------------------------------------

/** How many messages were removed, and how many events. */
export interface Removed {
  messages: number;
  events: number;
}

/** What came of forgetting a person. */
export type Forgetting =
  /** `suppressions`: how many entries of the person were replaced by a hash. All counts are those of this call. */
  | ({ kind: "forgotten"; suppressions: number } & Removed)
  /** Nothing was changed, because mail to the person is waiting or under way: how many messages, by topic. */
  | { kind: "waiting"; topics: { topic: string; pending: number; sending: number }[] };

/** What `prune` would remove. */
export interface Prunable extends Removed {
  /** How many topics. */
  topics: number;
  /** The oldest of them, as many as were asked for, and how many messages each has. */
  oldest: { topic: string; messages: number }[];
  /** How many of the messages are single ones without a topic. */
  single: number;
}

/** What was removed of old topics, and of old messages without a topic. `events` has the kept ones, too. */
export interface Pruned extends Removed {
  topics: number;
}

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

/** From which inlet a dead letter came: a broker that brings mail, or the one that brings what became of mail. */
export type DeadSource = "nats" | "redis" | "results";

/** What an inlet could not take in, to be kept with its reason and its bytes. */
export interface NewDeadLetter {
  source: DeadSource;
  /** Names the delivery in its broker, such as `messages#4211` or `email:send#1700000000000-0`. */
  origin: string;
  /** One line for people. */
  reason: string;
  body: Uint8Array;
  /** What came beside the body: the header `Ses-Mail-Extras` of NATS. Null: nothing. */
  extras: string | null;
}

/** A dead letter without its bytes. Instants are ms since the epoch. */
export interface DeadLetterRow extends Pick<NewDeadLetter, "source" | "origin" | "reason"> {
  id: number;
  /** How often it came. */
  times: number;
  receivedAt: number;
  lastAt: number;
  /** How long its body is. */
  bytes: number;
}

/** A dead letter with its bytes. */
export interface DeadLetter extends DeadLetterRow, Pick<NewDeadLetter, "body" | "extras"> {}

/** What is still to be told about a message. `at`: when it was sent (ms since the epoch); null: it was not. */
export interface Report extends Reporting {
  messageId: number;
  state: State;
  sesMessageId: string | null;
  error: string | null;
  at: number | null;
  /** The topic of the message. */
  topic: string;
}

/** What somebody else made of a message that was handed over to him. */
export interface HandedResult extends Result {
  messageId: number;
}

/** What a result did. `rules/handed.ts` says when it does which; a message that does not exist is `unknown`, too. */
export type HandedOutcome = "applied" | "known" | "early" | "unknown";
