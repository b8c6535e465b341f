/** What the routes of `serve` are given: everything they may touch, and nothing of the program around them. */
import type { KeyObject } from "node:crypto";
import type { Clock } from "../time/clock.ts";
import type { Account } from "../aws/ses.ts";
import type { EventSink } from "../feedback/event-sink.ts";
import type { Sender } from "../deliver/sender.ts";
import type { Envelope } from "../compose/content/content.ts";
import type { RequestInbox } from "../intake/inbox.ts";
import type { Tracking } from "../message.ts";
import type { Endpoint } from "../store/rows.ts";
import type { Inbox, Keys, Reader, Store, Suppressions, Topics, VisitSink } from "../store/store.ts";
import type { Links } from "../tracking/links.ts";

/** What routes may ask of the store, all together; each says which of it it needs. */
type GatewayStore = Inbox & EventSink & VisitSink & Topics & Reader & Suppressions & Keys & Pick<Store, "ping">;

export interface Gateway {
  store: GatewayStore;
  /** Requests for mail go in here. */
  inbox: RequestInbox;
  clock: Clock;
  settings: Settings;
  sender: Sender;
  /** Signs and reads what is in the links of mails. */
  links: Links;
  /** Topics left alone because too many of their mails bounced or were complained about. */
  held(): ReadonlySet<string>;
  /** Rate and quota as SES last told them; null: it could not be asked. */
  account(): Account | null;
  /** Sends one mail ahead of the others, within the rate, and says what became of it. */
  sendTest(test: {
    to: string;
    subject: string;
    html: string;
  }): Promise<{ sesMessageId: string } | { problem: string }>;
}

export interface Settings {
  endpoint: Endpoint;
  /** What the API does not say of a content. Null: no sender was given, so nothing can be taken in. */
  envelope: Envelope | null;
  /** IANA zone in which times without an offset are read. */
  zone: string;
  /** Without a slash at the end. */
  baseUrl: string | null;
  /** What mails taken in here carry; null: no links. */
  tracking: Tracking | null;
  /** The key of SES_MAIL_API_KEY, which may do everything; null: only keys made with `key add`. */
  apiKey: string | null;
  sns: SnsSettings;
  /** Behind a reverse proxy: believe its X-Forwarded-For, -Proto and -Host. */
  trustProxy: boolean;
}

export interface SnsSettings {
  /** SNS topics whose messages are taken in; none: all are refused. */
  topicArns: readonly string[];
  /** Password of raw deliveries; null: raw deliveries are refused. */
  rawSecret: string | null;
  /** Signatures that hold against one of these are good, besides those of Amazon: a sandbox to rehearse with. */
  trustedKeys: readonly KeyObject[];
  /** In a rehearsal nothing leaves this machine: Amazon is not asked for certificates, and only `trustedKeys` count. */
  offline?: true;
  /** Messages older than this are taken for replays. */
  maxAgeMs: number;
}
