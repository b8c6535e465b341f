/** What is asked about one topic along other lines than its states, and what is answered. */
import type { State } from "../message.ts";
import type { TopicRow } from "./rows.ts";
import type { EventOutcome } from "./rules/event-counters.ts";
import type { Ranked } from "./rules/ranking.ts";

/** In messages, as in `stats`. `opened_by_reader` leaves out those that only machines opened. */
export type Outcomes = Record<"sent" | EventOutcome, number>;

/** What happened for the first time to so many messages in the span that begins at `at` (ms). */
export interface TimeCounts extends Outcomes {
  at: number;
}

export interface DomainCounts extends Outcomes {
  domain: string;
  total: number;
}

/** Bounced messages with the same verdict and all but the same text; null where SES said nothing. */
export interface BounceReason {
  bounce_type: string | null;
  bounce_subtype: string | null;
  /** The diagnostic with `…` for what differs from recipient to recipient. */
  diagnostic: string | null;
  messages: number;
}

export interface FailureReason {
  state: State;
  /** With `…` for what differs from recipient to recipient. */
  error: string | null;
  messages: number;
}

export interface FailedRecipient {
  email: string;
  state: State;
  error: string | null;
}

export interface OpenCounts {
  opened: number;
  opened_by_reader: number;
}

export interface LinkCounts {
  /** The link; with `…` for the part that differs from recipient to recipient. */
  link: string;
  /** Messages in which it was clicked. */
  messages: number;
  clicks: number;
  /** Of the clicks, those of scanners and other programs that name themselves. */
  machine_clicks: number;
}

/** From SES taking a mail in to the recipient's server taking it in: milliseconds, to three digits; null when nothing is known to be delivered. */
export interface DeliveryTimes {
  delivered: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  /** Slowest first, exact. */
  slowest: { email: string; ms: number }[];
}

/** One topic as it stood at one instant. What ranks takes how many rows it is to give; the rest is added up. */
export interface Breakdown {
  topic: TopicRow;
  /** As written, with its `{{ variables }}`. */
  subject: string;
  from: string;
  /** Spans of `spanMs` in which something happened, earliest first. What has no readable time is left out. */
  byTime(spanMs: number): Promise<TimeCounts[]>;
  byDomain(limit: number): Promise<Ranked<DomainCounts>>;
  bounceReasons(limit: number): Promise<Ranked<BounceReason>>;
  /** Why messages are `failed` or `in_doubt`. */
  failures(limit: number): Promise<Ranked<FailureReason>>;
  links(limit: number): Promise<Ranked<LinkCounts>>;
  opens(): Promise<OpenCounts>;
  deliveryTimes(slowest: number): Promise<DeliveryTimes>;
  /** The first `limit` recipients that are `failed` or `in_doubt`. */
  failedRecipients(limit: number): Promise<FailedRecipient[]>;
}
