/** What the admin API and the dashboard say to each other. Shapes only: it is read by both sides. */
import type { State, Totals } from "../../message.ts";
import type { EventCounts } from "../../store/rules/marks.ts";

/** The object of `stats`, and what a person decides by. Times are ISO 8601 UTC, rates fractions of `sent`. */
export type TopicFacts = { topic: string } & Totals &
  EventCounts & {
    first_sent_at: string | null;
    last_sent_at: string | null;
    delivery_rate: number | null;
    bounce_rate: number | null;
    complaint_rate: number | null;
    open_rate: number | null;
    click_rate: number | null;
    /** When the first of it is due; null: at once. */
    not_before: string | null;
    cancelled_at: string | null;
    /** `sandbox`: a rehearsal; null: nothing was sent yet. */
    endpoint: "ses" | "sandbox" | null;
    /** Too many of its mails bounced, or too many complained: left alone until a person looked. */
    held: boolean;
  };

export interface Overview {
  version: string;
  /** Where this gateway sends to. */
  endpoint: "ses" | "sandbox";
  sender: {
    state: "idle" | "sending" | "halted" | "stopped";
    reason: string | null;
    hint: string | null;
    /** The rate in force, recipients per second. */
    per_second: number;
    /** Messages sent per second over the last five seconds, by every process on the job file. */
    per_second_now: number;
  };
  /** The account's 24 hours; null when it could not be read. `quota` and `left` null: unlimited. */
  account: { quota: number | null; used: number; left: number | null } | null;
  totals: Totals;
  suppressions: number;
  /** How many topics there are; `topics` holds the newest 200, newest first. */
  topic_count: number;
  topics: TopicFacts[];
}

/** A message that failed or is in doubt. */
export interface FailedMessageFacts {
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

export interface SuppressionFacts {
  address: string;
  reason: string;
  /** `event`, `manual`, `import` or `ses`. */
  source: string;
  detail: string | null;
  created_at: string;
}

export interface Found {
  suppressions: SuppressionFacts[];
  /** How many addresses are suppressed in all. */
  total: number;
}
