/** Reads most lines of a dump with one expression, in a fifth of the time that it takes to parse all that is in them. */
import { isObject } from "../../json.ts";
import { recordsIn } from "./json-scanner.ts";
import { type JsonObject, parseJson } from "./json-value.ts";

/** Characters that stand for themselves in JSON, also in a JSON in a string of JSON. */
const PLAIN = String.raw`[^"\\\x00-\x1f]`;

/** What is before the text of a notification, and behind it: only what SNS writes, each a text without escapes. There is one `Message`. */
const BEFORE = String.raw`\{"Type":"Notification"(?:,"(?:MessageId|TopicArn|Subject)":"${PLAIN}*")*,"Message":"`;
const BEHIND = new RegExp(
  String.raw`","Timestamp":"${PLAIN}*"(?:,"(?:SignatureVersion|Signature|Signing(?:CertURL|CertUrl)|Unsubscribe(?:URL|Url))":"${PLAIN}*")*\}$`,
  "y",
);
const BEHIND_BEGINS = '","Timestamp":"';

/** Of all escapes a text in the event has only quotes. */
const TEXT = String.raw`\\"${PLAIN}*(?:\\\\\\"${PLAIN}*)*\\"`;
const TEXTS = String.raw`\[(?:${TEXT}(?:,${TEXT})*)?\]`;
const HEADER = String.raw`\{\\"name\\":${TEXT},\\"value\\":${TEXT}\}`;
const COMMON_HEADER = String.raw`${TEXT}:(?:${TEXT}|${TEXTS})`;
const HEADERS = String.raw`,\\"headers\\":\[${HEADER}(?:,${HEADER})*\],\\"commonHeaders\\":\{${COMMON_HEADER}(?:,${COMMON_HEADER})*\}`;
/** The sender of the mail, whom we know, and all its headers. */
const SENDER = String.raw`(?:,\\"source(?:Arn)?\\":${TEXT}|,\\"sendingAccountId\\":${TEXT})*`;
const HEAD = String.raw`(?:,\\"headersTruncated\\":(?:true|false))?(?:${HEADERS})?`;

/** A text that is not empty, and is read. */
const READ = String.raw`\\"(${PLAIN}+)\\"`;
const JOB = String.raw`\\"ses-mail-job\\":\[${READ}\]`;
const MESSAGE = String.raw`\\"ses-mail-message\\":\[${READ}\]`;
/** Tags that say nothing about the message. */
const OTHER = String.raw`\\"(?!ses-mail-)${PLAIN}*\\":${TEXTS}`;
/** SES promises no order. */
const NAMES = String.raw`(?:${JOB},(?:${OTHER},)*${MESSAGE}|${MESSAGE},(?:${OTHER},)*${JOB})`;
const TAGS = String.raw`\\"tags\\":\{(?:${OTHER},)*${NAMES}(?:,${OTHER})*\}`;

/** What only a bounce or a complaint has: it stands before the mail. Whether it is JSON is seen when it is parsed. */
const FIRST = String.raw`(?:(\\"(?:bounce|complaint)\\":\{(?:${PLAIN}|${TEXT})*?\}),)?`;
/** More than a message of SNS may have (256 KiB), escaped. An expression has a stack, which is large enough for this many. */
const MOST_CHARACTERS = 1_048_576;

/** An event to the end of its mail. What only its type has may follow. */
const EVENT = new RegExp(
  String.raw`${BEFORE}\{\\"eventType\\":${READ},${FIRST}\\"mail\\":\{\\"timestamp\\":${READ}${SENDER},` +
    String.raw`\\"messageId\\":${READ},\\"destination\\":\[${READ}\]${HEAD},${TAGS}\}`,
  "y",
);
/** What only a delivery has, to the end of the event. */
const DELIVERY = new RegExp(
  String.raw`,\\"delivery\\":\{\\"timestamp\\":${READ},\\"processingTimeMillis\\":\d{1,15},\\"recipients\\":\[${READ}\],` +
    String.raw`\\"smtpResponse\\":${TEXT}(?:,\\"(?:remoteMtaIp|reportingMTA)\\":${TEXT})*\}\}(?:\\n)?`,
  "y",
);

/**
 * The SES event in a line that is an SNS notification as SNS writes it, of mail of a job, without what nobody reads of such an event: the sender,
 * the headers and other tags of its mail. Null for every other line, and whenever that is not sure. `unwrapAnywhere` finds in the event what
 * it finds in the whole line.
 */
export function eventOfSnsLine(line: string): JsonObject | null {
  if (line.length > MOST_CHARACTERS) return null;
  EVENT.lastIndex = 0;
  const read = EVENT.exec(line);
  if (read === null) return null;
  const [, eventType, first, timestamp, messageId, destination, job, message, messageFirst, jobSecond] = read;
  const at = EVENT.lastIndex;
  const detail = (first === undefined ? deliveryIn(line, at) : null) ?? detailIn(line, at, first);
  if (detail === null) return null;
  const tags = { "ses-mail-job": [job ?? jobSecond], "ses-mail-message": [message ?? messageFirst] };
  return { eventType, mail: { timestamp, messageId, destination: [destination], tags }, ...detail };
}

/** What only a delivery has, from here on; null: the event is none, or something else. */
function deliveryIn(line: string, at: number): JsonObject | null {
  DELIVERY.lastIndex = at;
  const read = DELIVERY.exec(line);
  if (read === null || !endsAt(line, DELIVERY.lastIndex)) return null;
  const [, timestamp, recipient] = read;
  return { delivery: { timestamp, recipients: [recipient] } };
}

/** What the event has before its mail (`first`) and from here on; null: it is not sure that this is all there is. */
function detailIn(line: string, at: number, first: string | undefined): JsonObject | null {
  const end = line.indexOf(BEHIND_BEGINS, at);
  if (end < 0 || !endsAt(line, end) || (first === undefined && line[at] !== ",")) return null;
  const members = first === undefined ? line.slice(at + 1, end) : first + line.slice(at, end);
  // What ends the string too early is no JSON either.
  const text = parseJson(`"{${members}"`);
  const detail = typeof text === "string" ? parseJson(text) : null;
  // Of two members of a name, the second would count.
  if (!isObject(detail) || "eventType" in detail || "mail" in detail) return null;
  // A splitter takes an object with records apart, which it would not do with one in an envelope.
  return recordsIn(detail) === null ? detail : null;
}

/** Whether the text of the notification ends here, and the line as SNS ends it. */
function endsAt(line: string, at: number): boolean {
  BEHIND.lastIndex = at;
  return BEHIND.test(line);
}
