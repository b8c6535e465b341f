/** Reads most lines of a dump faster than by parsing all of them. */
import { needsHeaders } from "../ses-event.ts";
import { isObject } from "../../json.ts";
import { recordsIn } from "./json-scanner.ts";
import { type JsonObject, parseJson } from "./json-value.ts";
import { typeOf } from "./traces.ts";

/** Characters that stand for themselves in JSON. */
const PLAIN = String.raw`[^"\\\x00-\x1f]*`;

/** What is before the text of a notification, and behind it: only what SNS writes, each a text without escapes. There is one `Message`. */
const BEFORE = new RegExp(
  String.raw`\{"Type":"Notification"(?:,"(?:MessageId|TopicArn|Subject)":"${PLAIN}")*,"Message":"`,
  "y",
);
const BEHIND = new RegExp(
  String.raw`","Timestamp":"${PLAIN}"(?:,"(?:SignatureVersion|Signature|Signing(?:CertURL|CertUrl)|Unsubscribe(?:URL|Url))":"${PLAIN}")*\}$`,
  "y",
);
const BEHIND_BEGINS = '","Timestamp":"';

/** The same inside of the text, which is a JSON in a string of JSON. Of all escapes a text there has only quotes. */
const TEXT = String.raw`\\"${PLAIN}(?:\\\\\\"${PLAIN})*\\"`;
const TEXTS = String.raw`\[(?:${TEXT}(?:,${TEXT})*)?\]`;
const HEADER = String.raw`\{\\"name\\":${TEXT},\\"value\\":${TEXT}\}`;
const COMMON_HEADER = String.raw`${TEXT}:(?:${TEXT}|${TEXTS})`;
const HEADERS = String.raw`,\\"headers\\":\[${HEADER}(?:,${HEADER})*\],\\"commonHeaders\\":\{${COMMON_HEADER}(?:,${COMMON_HEADER})*\}`;
/** Tags that SES adds, which say nothing about the message. */
const ADDED = String.raw`(?:\\"ses:${PLAIN}\\":${TEXTS},)*`;
/** What stands before the tags of the sender, with what nobody reads. */
const UNREAD = new RegExp(String.raw`(?:${HEADERS})?,\\"tags\\":\{${ADDED}(?=\\")`);
const READ = String.raw`,\"tags\":{`;

/**
 * The SES event in a line that is an SNS notification as SNS writes it, without the headers and tags of its mail that say nothing; null for
 * every other line, and whenever that is not sure. `unwrapAnywhere` finds in the event what it finds in the whole line.
 */
export function eventOfSnsLine(line: string): JsonObject | null {
  BEFORE.lastIndex = 0;
  if (!BEFORE.test(line)) return null;
  const start = BEFORE.lastIndex;
  const end = line.indexOf(BEHIND_BEGINS, start);
  BEHIND.lastIndex = end;
  if (end < 0 || !BEHIND.test(line)) return null;
  const text = line.slice(start - 1, end + 1);
  const short = eventIn(text.replace(UNREAD, READ));
  return short === null || !needsHeaders(short) ? short : eventIn(text);
}

/** The event in a text, which is a JSON string with its quotes. */
function eventIn(json: string): JsonObject | null {
  // What ends the string too early is no JSON either.
  const text = parseJson(json);
  const event = typeof text === "string" && text.startsWith("{") ? parseJson(text) : null;
  if (!isObject(event) || typeof typeOf(event) !== "string" || !isObject(event["mail"])) return null;
  // A splitter takes an object with records apart, which it would not do with one in an envelope.
  return recordsIn(event) === null ? event : null;
}
