/** What is asked about one topic along other lines than its states, and what is answered. */
import type { State } from "../message.ts";
import type { DeliveryTimes } from "./sqlite/delivery-times.ts";
import type { LinkCounts } from "./sqlite/links.ts";
import type { TopicRow } from "./store.ts";
import type { Outcome } from "./rules/marks.ts";
import type { Ranked } from "./rules/tally.ts";

/** In messages, as in `stats`. `opened_by_reader` leaves out those that only machines opened. */
export type Outcomes = Record<"sent" | Outcome, number>;

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
