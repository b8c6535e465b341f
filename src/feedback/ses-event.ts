/** Reads one SES event: what SES says later about a message. */
import { parseEventTime } from "./event-time.ts";
import { isObject } from "../json.ts";
import { asArray, asObject, asText, type JsonObject } from "./envelopes/json-value.ts";
import { isMachine } from "./machine.ts";
import { bounceReason, failedForGood, isComplaint, type SuppressionReason } from "./suppression-policy.ts";

type EventType =
  | "send"
  | "delivery"
  | "bounce"
  | "complaint"
  | "reject"
  | "open"
  | "click"
  | "rendering_failure"
  | "delivery_delay"
  | "subscription"
  | "unknown";

/**
 * An address that an event names: in lower case, without a display name. The rest is what a bounce or delay says about
 * it.
 */
interface EventRecipient {
  address: string;
  action: string | null;
  status: string | null;
  diagnosticCode: string | null;
}

/**
 * What mail an event puts an end to.
 *
 * - `everything`: no mail reaches the address, or it must not.
 * - `mail`: mail like this one.
 * - `topic`: a topic of an SES contact list that has a name which a list of ours may have.
 * - `contact list`: all of an SES contact list and its topics. `name` null: it is missing, or none that a list of ours may have.
 */
export type Leaving =
  | { kind: "everything" | "mail" }
  | { kind: "topic"; name: string }
  | { kind: "contact list"; name: string | null; topics: string[] };

interface EventSuppression {
  address: string;
  leaves: Leaving;
  reason: SuppressionReason;
  /** Why, for people: `Permanent/General, smtp; 550 5.1.1 …`, `abuse`, `UnsubscribeHeader, contact list main`. */
  detail: string;
}

/**
 * What SES says about one message. Times are milliseconds since the epoch; texts are cut to 1,000 characters. The
 * reader's IP address and user agent are left out: nobody needs them once `machine` is known.
 */
export interface SesEvent {
  type: EventType;
  /** `eventType` or `notificationType` as SES wrote it. */
  rawType: string;
  sesMessageId: string;
  /** The tags `ses-mail-job` and `ses-mail-message`; null in legacy notifications and for mail of other programs. */
  jobId: string | null;
  messageId: number | null;
  /**
   * Set for mail of other programs: the UUID of version 8 in its tag `request_id` or its header `X-Request-ID`, by which a program that
   * sends for us may name the message; and the subject.
   */
  requestId?: string;
  subject?: string;
  /** Set when the mail went to the sandbox of a rehearsal (tag `ses-mail-rehearsal`). */
  rehearsal?: true;
  /** When it happened. An event without a time has that of its mail; null when neither can be read. */
  at: number | null;
  mailedAt: number | null;
  /** The recipients that the event names, else those of the mail. */
  recipients: EventRecipient[];
  /** The recipients of the mail, in lower case. */
  destination: string[];
  bounceType: string | null;
  bounceSubType: string | null;
  /** `complaintFeedbackType`, else `complaintSubType`. `not-spam` is no complaint. */
  complaintType: string | null;
  feedbackId: string | null;
  /** The link of a click, cut to 4,096 characters. */
  link: string | null;
  /** True for an open or click that a machine made. */
  machine: boolean;
  /** True for a change of subscription by which the recipient leaves the SES contact list, or a topic of it. */
  unsubscribes: boolean;
  /**
   * Why: the reason of a reject, the error of a rendering failure, the first diagnostic of a bounce, or the kind of a
   * delay.
   */
  reason: string | null;
  /** The same for all copies of one event, in any envelope; different for different events. */
  key: string;
  suppressions: EventSuppression[];
}

interface Kind {
  type: EventType;
  /** The member that holds what only this type has. */
  detail: string;
  /** The member of `detail` that lists recipients, as texts or as objects with `emailAddress`. */
  recipients?: string;
  /** True when an event without `detail` says nothing. */
  needsDetail?: boolean;
}

/** By the type in lower case, without spaces, `_` and `-` (SES developer guide, "Contents of event data"). */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["send", { type: "send", detail: "send" }],
  ["delivery", { type: "delivery", detail: "delivery", recipients: "recipients" }],
  ["bounce", { type: "bounce", detail: "bounce", recipients: "bouncedRecipients", needsDetail: true }],
  ["complaint", { type: "complaint", detail: "complaint", recipients: "complainedRecipients", needsDetail: true }],
  ["reject", { type: "reject", detail: "reject" }],
  ["open", { type: "open", detail: "open" }],
  ["click", { type: "click", detail: "click" }],
  ["renderingfailure", { type: "rendering_failure", detail: "failure" }],
  ["deliverydelay", { type: "delivery_delay", detail: "deliveryDelay", recipients: "delayedRecipients" }],
  ["subscription", { type: "subscription", detail: "subscription", needsDetail: true }],
]);
const UNKNOWN: Kind = { type: "unknown", detail: "" };

const LINK_LIMIT = 4_096;

/**
 * Reads the JSON of one SES event, of event publishing (`eventType`) or a legacy notification (`notificationType`). An
 * unknown type becomes `unknown`. An event is malformed when it has no type, no `mail.messageId`, or lacks what its
 * type is about. Never throws.
 */
export function readEvent(json: unknown): SesEvent | { malformed: string } {
  const event = asObject(json);
  const rawType = asText(event["eventType"], 100) ?? asText(event["notificationType"], 100);
  if (rawType === null) return { malformed: "an SES event without eventType" };
  const mail = asObject(event["mail"]);
  const sesMessageId = bareId(asText(mail["messageId"], 200));
  if (sesMessageId === null) return { malformed: `a ${rawType} event without mail.messageId` };
  const kind = kindOf(rawType);
  const detail = event[kind.detail];
  if (kind.needsDetail && !isObject(detail)) return { malformed: `a ${rawType} event without "${kind.detail}"` };
  const read = normalised(kind, rawType, sesMessageId, mail, asObject(detail));
  const defect = defectOf(read, event);
  return defect === null ? read : { malformed: defect };
}

/**
 * Finds events that seem to suppress nobody only because an address or the kind of bounce is missing; null when the
 * event is complete.
 */
function defectOf(read: SesEvent, event: JsonObject): string | null {
  const { type, rawType, recipients, suppressions } = read;
  if (type === "unknown") {
    const holds = ["bounce", "complaint"].find((name) => isObject(event[name]));
    return holds === undefined ? null : `an event of the unknown type ${rawType} that holds a "${holds}"`;
  }
  if (type !== "bounce") return null;
  if (read.bounceType === null) return `a ${rawType} event without bounceType`;
  const suppresses = bounceReason(read.bounceType, read.bounceSubType) !== null;
  if (!suppresses || suppressions.length > 0 || (recipients.length > 0 && !recipients.some(failedForGood))) return null;
  return `a ${rawType} event that names no address`;
}

function normalised(kind: Kind, rawType: string, sesMessageId: string, mail: JsonObject, detail: JsonObject): SesEvent {
  const tags = asObject(mail["tags"]);
  const mailedAt = instant(mail["timestamp"]);
  const happenedAt = instant(detail["timestamp"]);
  const destination = addressesOf(mail["destination"]);
  const recipients = recipientsOf(kind, detail, destination);
  const byReader = kind.type === "open" || kind.type === "click";
  const jobId = jobOf(tags);
  const event: SesEvent = {
    type: kind.type,
    rawType,
    sesMessageId,
    jobId,
    messageId: rowId(tagValue(tags["ses-mail-message"])),
    ...(jobId === null && namedBySender(mail, tags)),
    ...(tagValue(tags["ses-mail-rehearsal"]) !== undefined && { rehearsal: true as const }),
    at: happenedAt ?? mailedAt,
    mailedAt,
    recipients,
    destination,
    bounceType: bounceTypeOf(detail["bounceType"]),
    bounceSubType: asText(detail["bounceSubType"], 100),
    complaintType: asText(detail["complaintFeedbackType"], 100) ?? asText(detail["complaintSubType"], 100),
    feedbackId: asText(detail["feedbackId"], 200),
    link: asText(detail["link"], LINK_LIMIT),
    machine: byReader && isMachine(asText(detail["userAgent"])),
    unsubscribes: kind.type === "subscription" && leavingsOf(detail).length > 0,
    reason: reasonOf(kind, detail, recipients),
    key: "",
    suppressions: [],
  };
  event.key = keyOf(event, happenedAt, detail["timestamp"]);
  event.suppressions = suppressionsOf(event, detail);
  return event;
}

function jobOf(tags: JsonObject): string | null {
  return asText(tagValue(tags["ses-mail-job"]), 100);
}

const UUID_8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
/** More headers than any mail of ours has, as SES lists them when a configuration set says so. */
const MOST_HEADERS = 100;

/** What may tell which message of ours a mail is that another program sent. */
function namedBySender(mail: JsonObject, tags: JsonObject): Pick<SesEvent, "requestId" | "subject"> {
  const header = () => {
    const all = asArray(mail["headers"]).slice(0, MOST_HEADERS).map(asObject);
    return all.find(({ name }) => typeof name === "string" && name.toLowerCase() === "x-request-id")?.["value"];
  };
  const requestId = [tagValue(tags["request_id"]), header()].find(
    (value): value is string => typeof value === "string" && UUID_8.test(value),
  );
  const subject = asText(asObject(mail["commonHeaders"])["subject"]);
  return { ...(requestId !== undefined && { requestId }), ...(subject !== null && { subject }) };
}

/**
 * SES spells a type in three ways: `Rendering Failure` in events, `RENDERING_FAILURE` in the API, `RenderingFailure` in
 * CloudWatch.
 */
function kindOf(rawType: string): Kind {
  return KINDS.get(plain(rawType)) ?? UNKNOWN;
}

function plain(rawType: string): string {
  return rawType.toLowerCase().replaceAll(/[ _-]/g, "");
}

/** Types of notifications that are not about mail we sent, and what they are. */
const NOT_SENT: ReadonlyMap<string, string> = new Map([
  ["received", "inbound mail (Received)"],
  ["amazonsnssubscriptionsucceeded", "AmazonSnsSubscriptionSucceeded"],
]);

/**
 * What a notification of this type is when it is not about mail we sent (inbound mail, a topic set up); null for every
 * other type.
 */
export function otherNotification(rawType: unknown): string | null {
  return typeof rawType === "string" ? (NOT_SENT.get(plain(rawType)) ?? null) : null;
}

/** True for every type of event and notification that SES is known to send, in any spelling. */
export function isSesType(text: string): boolean {
  if (text.length > 40) return false;
  const name = plain(text);
  return KINDS.has(name) || NOT_SENT.has(name);
}

/** The API spells the types in capitals; they get the spelling of events. */
function bounceTypeOf(value: unknown): string | null {
  const type = asText(value, 100);
  return BOUNCE_TYPES.find((known) => known.toLowerCase() === type?.toLowerCase()) ?? type;
}

const BOUNCE_TYPES = ["Permanent", "Transient", "Undetermined"] as const;

/** SES gives the id without a domain. In the Message-ID header it has one. */
function bareId(id: string | null): string | null {
  if (id === null || !id.includes("@")) return id;
  return asText(id.replace(/^</, "").replace(/@.*/s, ""));
}

function tagValue(values: unknown): unknown {
  return Array.isArray(values) ? values[0] : values;
}

/** Our message ids are row ids: positive, and small enough for a double. */
function rowId(value: unknown): number | null {
  return typeof value === "string" && /^[1-9]\d{0,14}$/.test(value) ? Number(value) : null;
}

function instant(value: unknown): number | null {
  return typeof value === "string" && value.length < 100 ? parseEventTime(value) : null;
}

/**
 * Gives `jane@example.net` for `Jane <Jane@Example.net>` and for the `rfc822; Jane@Example.net` of a DSN. Null when
 * nothing is left.
 */
function bareAddress(value: unknown): string | null {
  if (typeof value !== "string") return null;
  let text = value;
  if (text.includes("<")) text = /<([^<>]*)>[^<>]*$/.exec(text)?.[1] ?? text;
  if (text.includes(";")) text = text.replace(/^\s*rfc822\s*;/i, "");
  return asText(text.trim().toLowerCase(), 320);
}

function addressesOf(list: unknown): string[] {
  return asArray(list)
    .map(bareAddress)
    .filter((address) => address !== null);
}

/**
 * The recipients that the event names; of a type that names none, those of the mail. When it should name some and does
 * not (complaints may be redacted), the recipient of the mail if there is only one: of several we cannot know who it
 * was.
 */
function recipientsOf(kind: Kind, detail: JsonObject, destination: readonly string[]): EventRecipient[] {
  const named = kind.recipients === undefined ? [] : namedRecipients(asArray(detail[kind.recipients]));
  if (named.length > 0 || (kind.recipients !== undefined && destination.length > 1)) return named;
  return destination.map((address) => ({ address, action: null, status: null, diagnosticCode: null }));
}

function namedRecipients(list: readonly unknown[]): EventRecipient[] {
  return list.flatMap((entry) => {
    const fields = asObject(entry);
    const address = bareAddress(isObject(entry) ? fields["emailAddress"] : entry);
    if (address === null) return [];
    const [action, status] = [asText(fields["action"], 100), asText(fields["status"], 100)];
    return { address, action, status, diagnosticCode: asText(fields["diagnosticCode"]) };
  });
}

function reasonOf({ type }: Kind, detail: JsonObject, recipients: readonly EventRecipient[]): string | null {
  if (type === "reject") return asText(detail["reason"]);
  if (type === "rendering_failure") return asText(detail["errorMessage"]);
  if (type === "delivery_delay") return asText(detail["delayType"]);
  if (type !== "bounce") return null;
  return recipients.find(({ diagnosticCode }) => diagnosticCode !== null)?.diagnosticCode ?? null;
}

/**
 * SES publishes each event at least once (up to 8 copies were seen), and the SNS MessageId differs between copies. A
 * bounce or complaint has an id of its own. Others are told apart by message, type, recipients and time.
 */
function keyOf(event: SesEvent, happenedAt: number | null, timestamp: unknown): string {
  const { type, rawType, feedbackId, sesMessageId, recipients } = event;
  const name = type === "unknown" ? rawType : type;
  const first = recipients[0]?.address ?? "";
  const who = recipients.length < 2 ? first : [...new Set(recipients.map(({ address }) => address))].sort().join(" ");
  if (feedbackId !== null) return `${name} ${feedbackId} ${who}`;
  return `${name} ${sesMessageId} ${happenedAt ?? asText(timestamp, 100) ?? event.mailedAt ?? ""} ${who}`;
}

function suppressionsOf(event: SesEvent, detail: JsonObject): EventSuppression[] {
  if (event.type === "bounce") return suppressionsOfBounce(event);
  if (event.type === "complaint") return suppressionsOfComplaint(event);
  if (event.type === "subscription") return suppressionsOfSubscription(event, detail);
  return [];
}

function suppressionsOfBounce(event: SesEvent): EventSuppression[] {
  const reason = bounceReason(event.bounceType, event.bounceSubType);
  if (reason === null) return [];
  const kind = `${event.bounceType}/${event.bounceSubType ?? ""}`;
  // SES did not try to send it, because its reader had left.
  const leaves = { kind: reason === "unsubscribe" ? "mail" : "everything" } as const;
  return event.recipients.filter(failedForGood).flatMap(({ address, status, diagnosticCode }) => {
    const why = diagnosticCode ?? status;
    return suppress(event, address, { leaves, reason, detail: why === null ? kind : `${kind}, ${why}` });
  });
}

function suppressionsOfComplaint(event: SesEvent): EventSuppression[] {
  if (!isComplaint(event.complaintType)) return [];
  const why = {
    leaves: { kind: "everything" },
    reason: "complaint",
    detail: event.complaintType ?? "complaint",
  } as const;
  return event.recipients.flatMap(({ address }) => suppress(event, address, why));
}

function suppressionsOfSubscription(event: SesEvent, detail: JsonObject): EventSuppression[] {
  const list = asText(detail["contactList"], 100);
  const why = [asText(detail["source"], 100), list === null ? null : `contact list ${list}`];
  return leavingsOf(detail).flatMap((leaves) => {
    const topic = leaves.kind === "topic" ? `topic ${leaves.name}` : null;
    const text = [...why, topic].filter((part) => part !== null).join(", ");
    const cause = { leaves, reason: "unsubscribe", detail: text } as const;
    return event.destination.flatMap((address) => suppress(event, address, cause));
  });
}

/** How many topics of a contact list are looked at; SES allows 20 (SES developer guide, "Using list management"). */
const MOST_TOPICS = 100;

/**
 * What a change of subscription leaves. Whoever leaves one topic of a contact list still wants the others, and what was left before
 * is not left again: a topic may have been left by default.
 */
function leavingsOf(detail: JsonObject): Leaving[] {
  const [now, before] = [asObject(detail["newTopicPreferences"]), asObject(detail["oldTopicPreferences"])];
  const topics = topicsLeft(now);
  const list = asText(detail["contactList"], 100);
  if (now["unsubscribeAll"] === true)
    return [{ kind: "contact list", name: list !== null && mayBeList(list) ? list : null, topics }];
  const leftBefore = new Set(topicsLeft(before));
  return topics.filter((name) => !leftBefore.has(name)).map((name) => ({ kind: "topic", name }));
}

function topicsLeft(preferences: JsonObject): string[] {
  return asArray(preferences["topicSubscriptionStatus"])
    .slice(0, MOST_TOPICS)
    .map(asObject)
    .filter((topic) => asText(topic["subscriptionStatus"], 100)?.toLowerCase() === "optout")
    .map((topic) => asText(topic["topicName"], 100) ?? "")
    .filter(mayBeList);
}

/** SES names its lists and topics with letters, digits, `_` and `-` (SES API v2, `CreateContactList` and `Topic`). */
function mayBeList(name: string): boolean {
  return /^[\w-]{1,64}$/.test(name);
}

/**
 * Suppresses the address, and also the one the mail was sent to when they differ. A forwarded mail bounces for an
 * address that we never sent to, and the next mail would take the same way. With several recipients we cannot know
 * whose forward it was.
 */
function suppress(
  { destination }: SesEvent,
  address: string,
  cause: Omit<EventSuppression, "address">,
): EventSuppression[] {
  const [only] = destination;
  const forwarded = destination.length === 1 && only !== undefined && only !== address;
  const addresses = forwarded ? [only, address] : [address];
  return addresses.filter(isAddress).map((found) => ({ address: found, ...cause }));
}

function isAddress(text: string): boolean {
  return /^[^@\s]+@[^@\s]+$/.test(text);
}
