/** Opens the envelopes that AWS writes around an SES event. Each is known by members that only it has. */
import { isGzip } from "./gunzip.ts";
import { AWS_CONTAINERS } from "./json-scanner.ts";
import { isObject } from "../../json.ts";
import { asArray, asText, type JsonObject } from "./json-value.ts";
import { type Budget, unpack } from "./unpack.ts";
import { shortened } from "../../printable.ts";

/**
 * What an envelope holds: values to read, each a record of its own; or, when it holds none, what it is (`ignored`) or
 * what is wrong with it (`malformed`).
 */
export type OpenedEnvelope = Filled | { ignored: string } | { malformed: string };

/** An envelope that holds something. */
export interface Filled {
  inside: readonly unknown[];
  /** The member that `inside` was made of. It need not be read again. */
  taken?: unknown;
  /** True when AWS writes all other members, and none of them can hold an event. */
  closed?: boolean;
}

/** Opens one envelope. Anything else is `ignored`. What is unpacked counts against `budget`. Never throws. */
export function openEnvelope(value: JsonObject, budget: Budget): OpenedEnvelope {
  if (typeof value["Type"] === "string") return openSns(value, value["Type"]);
  if (isObject(value["Sns"])) return openSnsOfLambda(value["Sns"]);
  if ("detail" in value && typeof value["detail-type"] === "string")
    return openEventBridge(value, value["detail-type"]);
  const logs = value["awslogs"];
  if (isObject(logs)) return openPackedLogs(logs["data"], budget);
  if (isControlMessage(value)) return { ignored: "CloudWatch Logs control message" };
  const records = AWS_CONTAINERS.map((name) => value[name]).find((member) => Array.isArray(member));
  if (records !== undefined) return { inside: asArray(records), taken: records };
  return openRecord(value, budget);
}

/** True for a message by which CloudWatch Logs checks that its subscription works. */
export function isControlMessage(value: JsonObject): boolean {
  return value["messageType"] === "CONTROL_MESSAGE";
}

/** Opens one element of a container. */
function openRecord(value: JsonObject, budget: Budget): OpenedEnvelope {
  const body = value["Body"] ?? value["body"] ?? value["message"];
  if (typeof body === "string") return { inside: [body], taken: body, closed: hasOnly(value, SQS_MEMBERS) };
  const data = isObject(value["kinesis"]) ? value["kinesis"]["data"] : value["data"];
  if (typeof data === "string") return openBase64(data, budget);
  const source = asText(value["eventSource"] ?? value["source"], 100);
  return { ignored: source === null ? "JSON that is no SES event" : `a record of ${source}` };
}

/** All members that AWS writes into these envelopes. An envelope with other members is searched as well. */
const SNS_MEMBERS = names(
  "Type MessageId TopicArn Subject Message Timestamp SignatureVersion Signature " +
    "SigningCertURL SigningCertUrl UnsubscribeURL UnsubscribeUrl SubscribeURL Token",
);
const SQS_MEMBERS = names("MessageId ReceiptHandle MD5OfBody MD5OfMessageAttributes Body");
const EVENTBRIDGE_MEMBERS = names("version id detail-type source account time region resources detail");

function names(list: string): ReadonlySet<string> {
  return new Set(list.split(" "));
}

function hasOnly(value: JsonObject, members: ReadonlySet<string>): boolean {
  for (const name in value) if (!members.has(name)) return false;
  return true;
}

function openSns(value: JsonObject, type: string): OpenedEnvelope {
  if (type !== "Notification") return { ignored: brief(type) };
  const message = value["Message"];
  if (typeof message !== "string") return { malformed: "an SNS notification without Message" };
  return { inside: [message], taken: message, closed: hasOnly(value, SNS_MEMBERS) };
}

/** There may be more beside the member `Sns`, so it is never closed. */
function openSnsOfLambda(value: JsonObject): OpenedEnvelope {
  const opened = openSns(value, "Notification");
  return "inside" in opened ? { ...opened, closed: false } : opened;
}

/** The detail of a mail event names its own type, so the detail-type does not decide. */
function openEventBridge(value: JsonObject, detailType: string): OpenedEnvelope {
  const detail = value["detail"];
  if (isObject(detail) && ("eventType" in detail || "notificationType" in detail)) {
    return { inside: [detail], taken: detail, closed: hasOnly(value, EVENTBRIDGE_MEMBERS) };
  }
  return MAIL_EVENTS.test(detailType) && value["source"] === "aws.ses"
    ? { malformed: `an EventBridge event "${brief(detailType)}" whose detail is no SES event` }
    : { ignored: `EventBridge event ${brief(detailType)}` };
}

/**
 * Detail types about a mail. Others are about the account: "Advisor Recommendation Status Open", "Sending Status
 * Enabled".
 */
const MAIL_EVENTS =
  /^Email (?:Sent|Delivered|Bounced|Complaint Received|Rejected|Opened|Clicked|Rendering Failed|Delivery Delayed|Subscribed)$/;

function openPackedLogs(data: unknown, budget: Budget): OpenedEnvelope {
  const packed = typeof data === "string" ? Buffer.from(data, "base64") : Buffer.alloc(0);
  if (!isGzip(packed)) return { malformed: "awslogs.data is not gzip in base64" };
  return openBytes(packed, "awslogs.data", data, budget);
}

/** Opens base64. Firehose data may also be packed, when it comes from CloudWatch Logs. */
function openBase64(data: string, budget: Budget): OpenedEnvelope {
  if (/^\s*\{/.test(data)) return { inside: [data], taken: data };
  const bytes = Buffer.from(data, "base64");
  // Text that is not base64 decodes, too, so it is not marked as taken: it may hold an event.
  const taken = /^[\w+/-]*={0,2}\s*$/.test(data) ? data : undefined;
  return bytes.length === 0 ? { malformed: "data is not base64" } : openBytes(bytes, "data", taken, budget);
}

function openBytes(bytes: Buffer, name: string, taken: unknown, budget: Budget): OpenedEnvelope {
  if (!isGzip(bytes)) return { inside: [bytes.toString("utf8")], taken };
  const text = unpack(bytes, budget);
  return typeof text === "string"
    ? { inside: [text], taken }
    : { malformed: `${name} cannot be unpacked (${text.message})` };
}

/** Cuts a text to 80 characters at most, for messages. */
export function brief(text: string): string {
  return shortened(text, 79);
}
