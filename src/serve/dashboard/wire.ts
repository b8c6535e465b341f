/** What the admin API and the dashboard say to each other. Only shapes, because both sides import it. */
import type { State, Totals } from "../../message.ts";
import type { EventCounts } from "../../store/rules/event-counters.ts";

/**
 * A topic: the object of `stats`, and what a person needs to decide. Times are ISO 8601 in UTC, rates are fractions of
 * `sent`, null when nothing was sent.
 */
export type TopicFacts = { topic: string } & Totals &
  EventCounts & {
    first_sent_at: string | null;
    last_sent_at: string | null;
    delivery_rate: number | null;
    bounce_rate: number | null;
    complaint_rate: number | null;
    open_rate: number | null;
    click_rate: number | null;
    /** When its first message is due; null: at once. */
    not_before: string | null;
    cancelled_at: string | null;
    /** `sandbox`: it is a rehearsal. Null: nothing was sent yet. */
    endpoint: "ses" | "sandbox" | null;
    /** Not sent until a person has looked: too many of its mails bounced or drew complaints. */
    held: boolean;
  };

/** The whole gateway at one moment. */
export interface Overview {
  version: string;
  /** Where this gateway sends to. */
  endpoint: "ses" | "sandbox";
  /** What the send loop does. `reason` and `hint` say why it is halted and what helps; null: nothing is in its way. */
  sender: {
    state: "idle" | "sending" | "halted" | "stopped";
    reason: string | null;
    hint: string | null;
    /** The rate in force, recipients per second. */
    per_second: number;
    /** Messages sent per second over the last five seconds, by every process on the job file. */
    per_second_now: number;
  };
  /**
   * The account's last 24 hours, in recipients. Null: the account could not be read. `quota` and `left` null: no limit.
   */
  account: { quota: number | null; used: number; left: number | null } | null;
  totals: Totals;
  /** How many addresses are suppressed. */
  suppressions: number;
  /** How many topics there are; `topics` holds the newest 200, newest first. */
  topic_count: number;
  topics: TopicFacts[];
}

/** A message that failed or is in doubt. `error` says why; null: no reason is known. */
export interface FailedMessageFacts {
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

/** An address that is not written to, and why. `created_at` is ISO 8601 in UTC. */
export interface SuppressionFacts {
  address: string;
  reason: string;
  /** What put it there: `event`, `manual`, `import`, `ses`, `link`, or what an imported list says. */
  source: string;
  detail: string | null;
  created_at: string;
  /** True: a rehearsal put it there, and it holds for rehearsals only. */
  rehearsal: boolean;
}

/** What a search for suppressed addresses found. */
export interface Found {
  suppressions: SuppressionFacts[];
  /** How many addresses are suppressed in all, without those of rehearsals. */
  total: number;
}
