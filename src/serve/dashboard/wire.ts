/** What the admin API and the dashboard say to each other. Only shapes, because both sides import it. */
import type { State, Totals } from "../../message.ts";
import type { Stopped } from "../../store/rules/scope.ts";
import type { EventCounts, Known } from "../../store/rules/event-counters.ts";

/**
 * A topic: the object of `stats`, and what a person needs to decide. Times are ISO 8601 in UTC. Rates are fractions of
 * `sent`. Null stands for what is not known: rates when nothing was sent, and what SES has not reported.
 */
export type TopicFacts = { topic: string } & Totals &
  Known<EventCounts> & {
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
    /** When somebody paused it; null: it is not paused. */
    paused_at: string | null;
    /** When the pause ends by itself; null: it is not paused, or until somebody resumes it. */
    paused_until: string | null;
    /** How many of its messages were removed (`prune`, `forget`): the counts still have them, and nothing else does. */
    removed: number;
    /** `sandbox`: it is a rehearsal. Null: nothing was sent yet. */
    endpoint: "ses" | "sandbox" | null;
    /** Not sent until a person has looked: too many of its mails bounced or drew complaints. */
    held: boolean;
    /** What it is doing: one of `TOPIC_STATES`. */
    state: string;
    /** Why nothing of it leaves; null: nothing is in its way. */
    reason: string | null;
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
    /** Messages sent per second over the last five seconds, by every process of the job. */
    per_second_now: number;
  };
  /**
   * The account's last 24 hours, in recipients. Null: the account could not be read. `quota` and `left` null: no limit.
   */
  account: { quota: number | null; used: number; left: number | null } | null;
  totals: Totals;
  /** How many suppressions there are; an address may have several. */
  suppressions: number;
  /** How many dead letters there are. */
  dead: number;
  /** Those of this process, with what they took in since it began. */
  inlets: InletFacts[];
  /** How many topics there are; `topics` holds the newest 50, newest first. */
  topic_count: number;
  topics: TopicFacts[];
}

/** Topics that were asked for, newest first. */
export interface TopicPage {
  topics: TopicFacts[];
  /** What to send as `after` to get what follows; null: nothing does. */
  next: string | null;
}

/** A message that failed or is in doubt. `error` says why; null: no reason is known. */
export interface FailedMessageFacts {
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
}

/** One message: the object of `GET /v1/messages/{id}`. Times are ISO 8601 in UTC; null: that did not happen, or is not known. */
export interface MessageFacts {
  id: number;
  uuid: string | null;
  topic: string;
  email: string;
  state: State;
  attempts: number;
  error: string | null;
  ses_message_id: string | null;
  created_at: string;
  not_before: string | null;
  expires_at: string | null;
  sent_at: string | null;
  delivered_at: string | null;
  bounced_at: string | null;
  bounce_type: string | null;
  complained_at: string | null;
  opened_at: string | null;
  clicked_at: string | null;
}

/** One thing that happened to a message, as `GET /v1/messages/{id}/history` tells it. */
export interface HistoryFacts {
  /** ISO 8601 in UTC; null: it happened, and nobody knows when. */
  at: string | null;
  /** One word, such as `delivered`. */
  what: string;
  source: "list" | "request" | "broker" | "program" | "store" | "answer" | "result" | "event" | "link" | "suppression";
  /** For people. */
  text: string;
  detail: string | null;
  machine: boolean;
  times: number;
}

/** What was found about an address: its newest messages, and why it gets no mail, if it gets none. */
export interface PersonFacts {
  messages: MessageFacts[];
  suppressions: SuppressionFacts[];
}

/** A mail as its recipient gets it. Its HTML is a page of its own. */
export interface PreviewFacts {
  /** Why there is no mail to show; null: there is one. */
  problem: string | null;
  /** Null: the topic has no recipient. */
  to: string | null;
  from: string;
  reply_to: string[];
  subject: string;
  headers: { name: string; value: string }[];
  attachments: { name: string; type: string }[];
  text: string;
  /** Characters. 0: it has no HTML. */
  html_length: number;
}

/** A template in a list. */
export interface TemplateFacts {
  name: string;
  version: number;
  /** When this version was added, ISO 8601 in UTC. */
  created_at: string;
  /** As it was written, with its variables. */
  subject: string;
  list: string | null;
  kind: "bulk" | "transactional";
  /** What data may give: `order.total`, or `order.items[].name` of each item of a list. */
  variables: { name: string; required: boolean; list: boolean }[];
}

/** The mail that a template makes of data. */
export interface TemplatePreviewFacts extends Omit<PreviewFacts, "problem" | "html_length"> {
  name: string;
  version: number;
  html: string;
}

/** First opens by readers and first clicks over time, and the links clicked most. */
export interface ActivityFacts {
  /** What one bar stands for, such as `5 minutes`; null: nothing was opened or clicked yet. */
  span: string | null;
  bars: { at: string; opened: number; clicked: number }[];
  /** What came after the last bar. */
  later: { opened: number; clicked: number };
  links: { link: string; messages: number; clicks: number }[];
  /** How many links are not in `links`. */
  other_links: number;
}

/** An address that is not written to, and why. `created_at` is ISO 8601 in UTC. An address may have several. */
export interface SuppressionFacts extends Stopped {
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
  /** How many suppressions there are in all, without those of rehearsals. */
  total: number;
  /** What to send as `after` to get what follows; null: nothing does. */
  next: string | null;
}

/** An inlet takes in what a broker brings. The counts are those since the process began. */
export interface InletFacts {
  kind: "nats" | "redis" | "results";
  /** Such as `nats messages/email-processor`. */
  name: string;
  connected: boolean;
  accepted: number;
  duplicates: number;
  dead: number;
}

/** What an inlet could not take in. `received_at` is when it came first, ISO 8601 in UTC. */
export interface DeadLetterFacts {
  id: number;
  /** The inlet that it came from. */
  source: "nats" | "redis" | "results";
  /** Names the delivery in its broker. */
  origin: string;
  reason: string;
  /** How often it came. */
  times: number;
  received_at: string;
  /** How long its body is. */
  bytes: number;
}

/** A page of dead letters, newest first. */
export interface DeadPage {
  dead: DeadLetterFacts[];
  /** How many there are in all. */
  total: number;
  /** What to send as `after` to get what follows; null: nothing does. */
  next: string | null;
}

/** A dead letter with its body. Nothing in it is escaped. */
export interface DeadLetterDetail extends DeadLetterFacts {
  /** When it came last. */
  last_at: string;
  /** What came beside the body; null: nothing. */
  extras: string | null;
  payload: {
    format: "MessagePack" | "JSON" | "text" | "bytes";
    fields: { name: string; text: string }[];
    /** The fields do not hold all of it. */
    cut: boolean;
  };
  /** The bytes in base64; null: they were not asked for. */
  body: string | null;
}
