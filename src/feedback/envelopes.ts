import { gunzipSync } from "node:zlib";
import { isGzip } from "./gunzip.ts";
import { asArray, asText, isObject, parseJson, type JsonObject } from "./json-value.ts";
import { readEvent, type SesEvent } from "./ses-event.ts";

/** What one record holds: an event; something readable that is no event of a mail we sent (what it is); or a defect (which). */
export type Unwrapped = { event: SesEvent } | { ignored: string } | { malformed: string };

/** What stands inside an envelope: values to look into, each a record of its own; or what the envelope is when it holds none. */
type Opened = { inside: readonly unknown[] } | { ignored: string } | { malformed: string };

/** The longest way seen in practice has five: SQS, SNS, EventBridge, Lambda record, log line. */
const MAX_DEPTH = 8;
/** CloudWatch Logs sends at most 1 MB packed; what becomes more than this is a bomb. */
const MAX_UNPACKED_BYTES = 16_777_216;

/** Sentences that come on an event topic and say that it works. */
const KNOWN_SENTENCES = /^Successfully validated SNS topic for Amazon SES event publishing/;
/** What the Lambda platform writes into the log of a function that logs its events. */
const LAMBDA_LOG = /^(?:START|END|REPORT|INIT_START|INIT_REPORT|XRAY|EXTENSION) /;
/** `console.log` of Lambda puts time, request id and level before the text. */
const LOG_PREFIX = /^\d{4}-\d\d-\d\dT[\d:.]+Z?\t[^{]*(?=\{)/;

/**
 * The SES events of one top-level record, out of any nesting of envelopes up to eight deep. `value` is the JSON of the
 * record, or a text that may be JSON. One item is one record: an SQS dump counts messages, a log export log events, so
 * envelopes that hold several give several and an empty one gives none. Never throws; fetches nothing.
 */
export function unwrap(value: unknown): Unwrapped[] {
  return open(value, 0);
}

function open(value: unknown, depth: number): Unwrapped[] {
  if (depth > MAX_DEPTH) return [{ malformed: `more than ${MAX_DEPTH} envelopes inside each other` }];
  if (typeof value === "string") return openText(value, depth);
  if (Array.isArray(value)) return value.flatMap((element) => open(element, depth + 1));
  if (!isObject(value)) return [{ malformed: `expected a JSON object, got ${JSON.stringify(value)}` }];
  const kind = value["eventType"] ?? value["notificationType"];
  if (kind !== undefined && kind !== null) return [openEvent(value, kind)];
  const opened = openEnvelope(value);
  return "inside" in opened ? opened.inside.flatMap((inner) => open(inner, depth + 1)) : [opened];
}

/** `Received` is mail that came in; `AmazonSnsSubscriptionSucceeded` is sent when a topic is set up. */
function openEvent(value: JsonObject, kind: unknown): Unwrapped {
  if (kind === "Received") return { ignored: "inbound mail (Received)" };
  if (kind === "AmazonSnsSubscriptionSucceeded") return { ignored: "AmazonSnsSubscriptionSucceeded" };
  const event = readEvent(value);
  return "malformed" in event ? event : { event };
}

/** Inside an envelope a text that is not JSON is somebody else's message; alone in a line it is a broken record. */
function openText(text: string, depth: number): Unwrapped[] {
  // Nearly always. To trim it first (event publishing ends it with a line feed) would copy it.
  if (text.startsWith("{")) {
    const value = parseJson(text);
    if (value !== undefined) return open(value, depth);
  }
  const trimmed = text.trim();
  const json = trimmed.replace(LOG_PREFIX, "");
  if (/^[[{"]/.test(json)) {
    const value = parseJson(json);
    if (value !== undefined) return open(value, depth);
  }
  if (KNOWN_SENTENCES.test(trimmed) || LAMBDA_LOG.test(trimmed)) return [{ ignored: brief(trimmed) }];
  if (trimmed.startsWith("{")) return [{ malformed: "not JSON" }];
  return [depth === 0 ? { malformed: `not JSON: ${brief(trimmed)}` } : { ignored: `a text: ${brief(trimmed)}` }];
}

/** Each kind is known by the members only it has. */
function openEnvelope(value: JsonObject): Opened {
  if (typeof value["Type"] === "string") return openSns(value, value["Type"]);
  if (isObject(value["Sns"])) return openSns(value["Sns"], "Notification");
  if ("detail" in value && typeof value["detail-type"] === "string")
    return openEventBridge(value, value["detail-type"]);
  const logs = value["awslogs"];
  if (isObject(logs)) return openPackedLogs(logs["data"]);
  if (value["messageType"] === "CONTROL_MESSAGE") return { ignored: "CloudWatch Logs control message" };
  const records = CONTAINERS.map((name) => value[name]).find((member) => Array.isArray(member));
  if (records !== undefined) return { inside: asArray(records) };
  return openRecord(value);
}

/** SQS and Lambda, Firehose, CloudWatch Logs (filter-log-events, subscription). */
const CONTAINERS = ["Messages", "Records", "records", "events", "logEvents"] as const;

/** One element of such a container. */
function openRecord(value: JsonObject): Opened {
  const body = value["Body"] ?? value["body"] ?? value["message"];
  if (typeof body === "string") return { inside: [body] };
  const data = isObject(value["kinesis"]) ? value["kinesis"]["data"] : value["data"];
  if (typeof data === "string") return openBase64(data);
  const source = asText(value["eventSource"] ?? value["source"], 100);
  return { ignored: source === null ? "JSON that is no SES event" : `a record of ${source}` };
}

function openSns(value: JsonObject, type: string): Opened {
  if (type !== "Notification") return { ignored: brief(type) };
  const message = value["Message"];
  return typeof message === "string" ? { inside: [message] } : { malformed: "an SNS notification without Message" };
}

/** Whatever the detail-type says: the detail of a mail event names its own type. */
function openEventBridge(value: JsonObject, detailType: string): Opened {
  const detail = value["detail"];
  if (isObject(detail) && ("eventType" in detail || "notificationType" in detail)) return { inside: [detail] };
  return MAIL_EVENTS.test(detailType) && value["source"] === "aws.ses"
    ? { malformed: `an EventBridge event "${brief(detailType)}" whose detail is no SES event` }
    : { ignored: `EventBridge event ${brief(detailType)}` };
}

/** The other detail types of SES speak of the account: "Advisor Recommendation Status Open", "Sending Status Enabled". */
const MAIL_EVENTS =
  /^Email (?:Sent|Delivered|Bounced|Complaint Received|Rejected|Opened|Clicked|Rendering Failed|Delivery Delayed|Subscribed)$/;

function openPackedLogs(data: unknown): Opened {
  const packed = typeof data === "string" ? Buffer.from(data, "base64") : Buffer.alloc(0);
  if (!isGzip(packed)) return { malformed: "awslogs.data is not gzip in base64" };
  return openBytes(packed, "awslogs.data");
}

/** Firehose data may be packed too, when it comes from CloudWatch Logs. */
function openBase64(data: string): Opened {
  if (/^\s*\{/.test(data)) return { inside: [data] };
  const bytes = Buffer.from(data, "base64");
  return bytes.length === 0 ? { malformed: "data is not base64" } : openBytes(bytes, "data");
}

function openBytes(bytes: Buffer, name: string): Opened {
  if (!isGzip(bytes)) return { inside: [bytes.toString("utf8")] };
  try {
    return { inside: [gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }).toString("utf8")] };
  } catch (error) {
    return { malformed: `${name} cannot be unpacked (${(error as Error).message})` };
  }
}

function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
