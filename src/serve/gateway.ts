/** What the routes of `serve` may use. They know nothing else of the program around them. */
import type { KeyObject } from "node:crypto";
import type { Clock } from "../time/clock.ts";
import type { Account } from "../aws/ses.ts";
import type { EventSink } from "../feedback/event-sink.ts";
import type { Sender } from "../deliver/sender.ts";
import type { Envelope } from "../compose/content/content.ts";
import type { RequestInbox } from "../intake/inbox.ts";
import type { Tracking } from "../message.ts";
import type { Endpoint } from "../store/rows.ts";
import type {
  DeadLetters,
  Inbox,
  Keys,
  Reader,
  Store,
  Suppressions,
  Templates,
  Topics,
  VisitSink,
} from "../store/store.ts";
import type { Links } from "../tracking/links.ts";

/** All that routes may ask of the store. Each route names the part it needs. */
type GatewayStore = Inbox &
  EventSink &
  VisitSink &
  Topics &
  Reader &
  Suppressions &
  Templates &
  Keys &
  DeadLetters &
  Pick<Store, "ping" | "countReports" | "jobId">;

/** What a running gateway gives its routes. */
export interface Gateway {
  store: GatewayStore;
  /** Takes in requests for mail. */
  inbox: RequestInbox;
  clock: Clock;
  settings: Settings;
  sender: Sender;
  /** Signs and verifies the links in mails. */
  links: Links;
  /** Names of topics that are not sent because too many of their mails bounced or drew complaints. */
  held(): ReadonlySet<string>;
  /** Rate and quota as SES last told them; null: SES could not be asked. */
  account(): Account | null;
  /**
   * Sends one mail ahead of the others, within the rate. Resolves to its SES message id, or to why there is none (yet).
   */
  sendTest(test: TestMail): Promise<{ sesMessageId: string } | { problem: string }>;
  /**
   * Takes a dead letter in again, as the inlet that it came from would, which need not be connected. One that is taken in, now or before,
   * is gone afterwards; another one stays, with its new reason. Null: there is no such letter.
   */
  retryDead(id: number): Promise<Retried | null>;
  /** How the inlets of this process do, which take mail in from brokers. Empty: it has none. */
  inlets(): readonly InletStatus[];
}

/** An inlet: whether its broker can be reached, and what it took in since the process began. */
export interface InletStatus {
  /** What it reads: mail of a broker, or what others report of mail that was handed over to NATS. No two have the same. */
  kind: "nats" | "redis" | "results";
  /** The broker and where it reads there, such as `nats messages/email-processor`. */
  name: string;
  isConnected: boolean;
  counts: ToldCounts;
}

/** What an inlet did since the process began. `accepted`: also what a suppression keeps from being sent. `dead`: letters by the class of their reason; there are only a few classes. */
export interface ToldCounts {
  accepted: number;
  duplicates: number;
  dead: ReadonlyMap<string, number>;
}

/** What became of a dead letter that was taken in again. `dead`: it cannot be, in one line. */
export type Retried = "accepted" | "duplicate" | { dead: string };

/** One mail to one address: what was typed, or the mail of a topic. */
export type TestMail = {
  /** In the form in which it is written to. */
  to: string;
} & ({ subject: string; html: string } | { topic: string });

/** How the gateway was started. */
export interface Settings {
  endpoint: Endpoint;
  /**
   * What a request does not say of its content, such as the sender. Null: no sender was given, so no mail can be taken
   * in.
   */
  envelope: Envelope | null;
  /** IANA zone for times without an offset; null: they are refused. */
  zone: string | null;
  /** Where the gateway is reached, without a slash at the end. Null: nobody said. */
  baseUrl: string | null;
  /** The links that mails taken in here carry; null: none. */
  tracking: Tracking | null;
  /** The key of SES_MAIL_API_KEY, which may do everything. Null: only keys made with `key add` are valid. */
  apiKey: string | null;
  sns: SnsSettings;
  /** Whether to believe X-Forwarded-For, -Proto and -Host: those of the reverse proxy in front of us. */
  trustProxy: boolean;
}

/** Which SNS messages are taken in. */
export interface SnsSettings {
  /** SNS topics whose messages are taken in. Empty: every message is refused. */
  topicArns: readonly string[];
  /** Password of raw deliveries; null: they are refused. */
  rawSecret: string | null;
  /** Signatures by one of these keys are good, as well as those of Amazon. A rehearsal uses them for its sandbox. */
  trustedKeys: readonly KeyObject[];
  /**
   * Set in a rehearsal: nothing leaves this machine, so Amazon is not asked for certificates, and only `trustedKeys`
   * count.
   */
  offline?: true;
  /** Messages older than this are refused as replays. */
  maxAgeMs: number;
}
