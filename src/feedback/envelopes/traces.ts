/** Tells an SES event from everything else, whole or in parts, in JSON or in text that cannot be read. */
import { isObject } from "../../json.ts";
import type { JsonObject } from "./json-value.ts";
import { isSesType, otherNotification } from "../ses-event.ts";

/**
 * What an object is:
 * - `event`: an SES event, valid or not; `readEvent` decides.
 * - `inbound`: mail that came in (SES calls a Lambda function with it). Strangers write everything in it.
 * - `fragment`: a part of an SES event, or one whose members were renamed. We cannot read it and must not ignore it.
 * - `row`: a result of a query of CloudWatch Logs Insights. Its other members were taken out of its `@message`.
 * - `label`: it names the type of an SES event and has nothing else of one. Many programs wrap an event this way.
 * - `other`: none of these.
 */
export type Kind = "event" | "inbound" | "fragment" | "row" | "label" | "other";

/** A longer name of a member is a text. */
export const LONGEST_NAME = 100;

const TYPE_KEY = /(?:event|notification)[ ._-]?type$/i;
/** Members of an event, also under the flat names of log queries (`mail.messageId`, `bounce_timestamp`). */
const PART_KEY =
  /^(?:mail|bounce|complaint|delivery|reject|open|click|failure|delivery_?delay|subscription)(?:$|[._](?!type$))/i;
/** Only SES events have these members. The last is the suppression list of an account at SES. */
const FRAGMENT_KEY =
  /bounced_?recipients|complained_?recipients|(?<!de)bounce[._]?type|complaint_?feedback_?type|common_?headers|headers_?truncated|^SuppressedDestination/i;

/** Says what an object is, by its own members. It does not look into them. */
export function kindOfObject(value: JsonObject): Kind {
  const type = typeOf(value);
  if (otherNotification(type) !== null) return "event";
  if (isSet(type) && (isObject(value["mail"]) || namesType(type) === "in a container")) return "event";
  if (isObject(value["mail"]) && isObject(value["receipt"])) return "inbound";
  if (isRow(value)) return "row";
  let typed = isTypeOfPair(value);
  let hasPart = false;
  for (const key of Object.keys(value)) {
    if (key.length > LONGEST_NAME || !isSet(value[key])) continue;
    if (FRAGMENT_KEY.test(key)) return isSet(type) ? "event" : "fragment";
    if (TYPE_KEY.test(key)) typed ||= namesType(value[key]) !== null;
    else hasPart ||= PART_KEY.test(key);
  }
  if (!typed) return "other";
  if (!hasPart) return "label";
  return isSet(type) ? "event" : "fragment";
}

/** True for a `row` (see `Kind`). */
export function isRow(value: JsonObject): boolean {
  return isSet(value["@message"]);
}

/**
 * The type that an object would have as an SES event: `eventType` of event publishing, else `notificationType`;
 * undefined or null when it has neither.
 */
export function typeOf(value: JsonObject): unknown {
  return value["eventType"] ?? value["notificationType"];
}

/** True for a type that an export writes as a pair: `{"key": "eventType", "value": "Bounce"}`. */
function isTypeOfPair(value: JsonObject): boolean {
  const name = value["key"] ?? value["name"] ?? value["field"];
  return typeof name === "string" && TYPE_KEY.test(name) && namesType(value["value"]) !== null;
}

/**
 * How a value names a type: `"Bounce"`, or `["Bounce"]` and `{"S": "Bounce"}`, which some exports write. Null when it
 * does not.
 */
function namesType(value: unknown): "plainly" | "in a container" | null {
  if (typeof value === "string") return isSesType(value) ? "plainly" : null;
  if (typeof value !== "object" || value === null) return null;
  const [first, ...others] = Object.values(value as JsonObject);
  return others.length === 0 && typeof first === "string" && isSesType(first) ? "in a container" : null;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

const TYPE_NAME = "(?:event|notification)[ ._-]?type";
/** What may stand between a name and its value: in JSON, escaped or percent-encoded JSON, and what languages print. */
const BETWEEN = "(?:[^a-z]|%3a|%5b|u00[0-9a-f]{2}|quot|string(?:value)?|value|s(?![a-z])){1,40}?";
const TYPES =
  "bounce|complaint|delivery[ _-]?delay|delivery|send|reject|open|click|rendering[ _-]?failure|subscription";
const EVENT_TEXT =
  `${TYPE_NAME}${BETWEEN}(?:${TYPES})(?![a-z])` +
  // Cut off inside the type.
  `|${TYPE_NAME}["'\\\\]+[^a-z]{0,8}[a-z]{0,17}$` +
  "|bounced_?recipients|complained_?recipients|(?<!de)bounce_?type\\W|complaint_?feedback_?type|common_?headers|headers_?truncated" +
  "|detail-type\\W{1,12}Email (?:Bounced|Complaint)";
const TRACE = new RegExp(EVENT_TEXT, "i");
const TRACES = new RegExp(EVENT_TEXT, "gi");

/** True when a text holds something that only texts about SES events hold. */
export function hasTrace(text: string): boolean {
  return TRACE.test(text);
}

/** The index where the last of these things begins (see `hasTrace`); -1 when there is none. */
export function lastTrace(text: string): number {
  let last = -1;
  for (const { index } of text.matchAll(TRACES)) last = index;
  return last;
}
