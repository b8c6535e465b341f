/** The envelopes AWS writes around an SES event, each known by the members only it has. */
import { isGzip } from "./gunzip.ts";
import { AWS_CONTAINERS } from "./json-scanner.ts";
import { asArray, asText, isObject, type JsonObject } from "./json-value.ts";
import { type Budget, unpack } from "./unpack.ts";

/** What an envelope holds: values to look into, each a record of its own; or what the envelope is when it holds none. */
export type Opened = Filled | { ignored: string } | { malformed: string };

export interface Filled {
  inside: readonly unknown[];
  /** The member `inside` was made of: there is no need to look into it again. */
  taken?: unknown;
  /** True when AWS writes all the other members, and none of them can hold an event. */
  closed?: boolean;
}

/** Never throws. What is none of these envelopes is ignored. */
export function openEnvelope(value: JsonObject, budget: Budget): Opened {
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

/** CloudWatch Logs looks whether somebody takes its subscription. */
export function isControlMessage(value: JsonObject): boolean {
  return value["messageType"] === "CONTROL_MESSAGE";
}

/** One element of such a container. */
function openRecord(value: JsonObject, budget: Budget): Opened {
  const body = value["Body"] ?? value["body"] ?? value["message"];
  if (typeof body === "string") return { inside: [body], taken: body, closed: hasOnly(value, SQS_MEMBERS) };
  const data = isObject(value["kinesis"]) ? value["kinesis"]["data"] : value["data"];
  if (typeof data === "string") return openBase64(data, budget);
  const source = asText(value["eventSource"] ?? value["source"], 100);
  return { ignored: source === null ? "JSON that is no SES event" : `a record of ${source}` };
}

/** All that AWS writes into these envelopes. What has other members is looked through. */
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

function openSns(value: JsonObject, type: string): Opened {
  if (type !== "Notification") return { ignored: brief(type) };
  const message = value["Message"];
  if (typeof message !== "string") return { malformed: "an SNS notification without Message" };
  return { inside: [message], taken: message, closed: hasOnly(value, SNS_MEMBERS) };
}

/** More may stand beside the member `Sns`. */
function openSnsOfLambda(value: JsonObject): Opened {
  const opened = openSns(value, "Notification");
  return "inside" in opened ? { ...opened, closed: false } : opened;
}

/** Whatever the detail-type says: the detail of a mail event names its own type. */
function openEventBridge(value: JsonObject, detailType: string): Opened {
  const detail = value["detail"];
  if (isObject(detail) && ("eventType" in detail || "notificationType" in detail)) {
    return { inside: [detail], taken: detail, closed: hasOnly(value, EVENTBRIDGE_MEMBERS) };
  }
  return MAIL_EVENTS.test(detailType) && value["source"] === "aws.ses"
    ? { malformed: `an EventBridge event "${brief(detailType)}" whose detail is no SES event` }
    : { ignored: `EventBridge event ${brief(detailType)}` };
}

/** The other detail types of SES speak of the account: "Advisor Recommendation Status Open", "Sending Status Enabled". */
const MAIL_EVENTS =
  /^Email (?:Sent|Delivered|Bounced|Complaint Received|Rejected|Opened|Clicked|Rendering Failed|Delivery Delayed|Subscribed)$/;

function openPackedLogs(data: unknown, budget: Budget): Opened {
  const packed = typeof data === "string" ? Buffer.from(data, "base64") : Buffer.alloc(0);
  if (!isGzip(packed)) return { malformed: "awslogs.data is not gzip in base64" };
  return openBytes(packed, "awslogs.data", data, budget);
}

/** Firehose data may be packed too, when it comes from CloudWatch Logs. */
function openBase64(data: string, budget: Budget): Opened {
  if (/^\s*\{/.test(data)) return { inside: [data], taken: data };
  const bytes = Buffer.from(data, "base64");
  // What is no base64 decodes to something all the same, so it is not taken: it may be a text with an event in it.
  const taken = /^[\w+/-]*={0,2}\s*$/.test(data) ? data : undefined;
  return bytes.length === 0 ? { malformed: "data is not base64" } : openBytes(bytes, "data", taken, budget);
}

function openBytes(bytes: Buffer, name: string, taken: unknown, budget: Budget): Opened {
  if (!isGzip(bytes)) return { inside: [bytes.toString("utf8")], taken };
  const text = unpack(bytes, budget);
  return typeof text === "string"
    ? { inside: [text], taken }
    : { malformed: `${name} cannot be unpacked (${text.message})` };
}

/** For messages: as much of a text as fits into a line. */
export function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
