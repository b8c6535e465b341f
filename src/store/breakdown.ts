/** A topic broken down by time, domain, reason and link: the questions and the shapes of their answers. */
import type { Content, State, Totals, Values } from "../message.ts";
import type { TopicRow } from "./rows.ts";
import type { EventCounts, EventOutcome } from "./rules/event-counters.ts";
import type { Ranked } from "./rules/ranking.ts";

/** Counts of messages, as in `stats`. `opened_by_reader` leaves out messages that only machines opened. */
export type Outcomes = Record<"sent" | EventOutcome, number>;

/** How many messages had each outcome for the first time in one span of time. */
export interface TimeCounts extends Outcomes {
  /** The beginning of the span (ms since the epoch). */
  at: number;
}

/** The messages to addresses of one domain. */
export interface DomainCounts extends Outcomes {
  domain: string;
  total: number;
}

/** The messages whose contents belong to one list, or to none (null), counted as in `stats`. Times are null when nothing was sent. */
export interface CountsOfList extends Totals, EventCounts {
  list: string | null;
  /** Milliseconds since the epoch. */
  first_sent_at: number | null;
  last_sent_at: number | null;
}

/** Bounced messages with the same type, subtype and diagnostic; null where SES gave none. */
export interface BounceReason {
  bounce_type: string | null;
  bounce_subtype: string | null;
  /** The text of the recipient's server, with `…` for parts that differ between recipients. */
  diagnostic: string | null;
  messages: number;
}

/** Messages that are `failed` or `in_doubt` with the same error. */
export interface FailureReason {
  state: State;
  /** With `…` for parts that differ between recipients. */
  error: string | null;
  messages: number;
}

/** A recipient whose message is `failed` or `in_doubt`. */
export interface FailedRecipient {
  email: string;
  state: State;
  error: string | null;
}

/** Opened messages: all of them, and those that a reader opened. */
export interface OpenCounts {
  opened: number;
  opened_by_reader: number;
}

/** The clicks on one link. */
export interface LinkCounts {
  /** The link, with `…` for parts that differ between recipients. */
  link: string;
  /** The number of messages in which it was clicked. */
  messages: number;
  /** All clicks. */
  clicks: number;
  /** How many of the clicks are by scanners and other programs that name themselves. */
  machine_clicks: number;
}

/**
 * How long mails took from the time SES accepted them to the time the recipient's server did, in ms. Percentiles are rounded to
 * three digits; null: no delivery is known.
 */
export interface DeliveryTimes {
  /** The number of delivered messages that are counted. */
  delivered: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  /** The slowest deliveries, slowest first, in exact ms. */
  slowest: { email: string; ms: number }[];
}

/** The message that stands for its topic. */
export interface Sample {
  content: Content;
  email: string;
  /** The recipient's columns by name, or the data that were posted for it. */
  fields: Values;
}

/**
 * Questions about one topic, all answered as of one instant. `limit` is the most rows to give; where the answer is `Ranked`, the
 * other rows are added up.
 */
export interface Breakdown {
  topic: TopicRow;
  /** The subject as written, with its `{{ variables }}`. */
  subject: string;
  from: string;
  /** The message that was sent first, by the order they were added; when none was, the first of all. Null: there is none. */
  sample(): Promise<Sample | null>;
  /** Spans of `spanMs` in which something happened, earliest first. Events without a readable time are left out. */
  byTime(spanMs: number): Promise<TimeCounts[]>;
  byDomain(limit: number): Promise<Ranked<DomainCounts>>;
  byList(limit: number): Promise<Ranked<CountsOfList>>;
  bounceReasons(limit: number): Promise<Ranked<BounceReason>>;
  /** Why messages are `failed` or `in_doubt`. */
  failures(limit: number): Promise<Ranked<FailureReason>>;
  links(limit: number): Promise<Ranked<LinkCounts>>;
  opens(): Promise<OpenCounts>;
  deliveryTimes(slowest: number): Promise<DeliveryTimes>;
  /** The first `limit` recipients whose messages are `failed` or `in_doubt`, in the order they were added. */
  failedRecipients(limit: number): Promise<FailedRecipient[]>;
}
