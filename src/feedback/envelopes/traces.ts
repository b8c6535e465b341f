/** How an SES event is told from everything else, whole or in pieces, in JSON or in text nobody can read. */
import { isObject, type JsonObject } from "./json-value.ts";
import { isSesType, otherNotification } from "../ses-event.ts";

/**
 * What an object is:
 * - `event`: an SES event, good or not: `readEvent` says.
 * - `inbound`: mail that came in (SES calls a Lambda function with it). Everything in it is written by strangers.
 * - `fragment`: a part of an SES event, or one whose members were renamed: nobody can read it, and it must not be ignored.
 * - `row`: what a query of CloudWatch Logs Insights gave; its other members were taken out of its `@message`.
 * - `label`: it names the type of an SES event and has nothing of one. Many programs wrap an event so.
 * - `other`: none of these.
 */
export type Kind = "event" | "inbound" | "fragment" | "row" | "label" | "other";

/** What is longer is no name of a member, but a text. */
export const LONGEST_NAME = 100;

const TYPE_KEY = /(?:event|notification)[ ._-]?type$/i;
/** Members of an event, also in the flat names of log queries (`mail.messageId`, `bounce_timestamp`). */
const PART_KEY =
  /^(?:mail|bounce|complaint|delivery|reject|open|click|failure|delivery_?delay|subscription)(?:$|[._](?!type$))/i;
/** Nothing else has these members; the last is the suppression list of an account at SES. */
const FRAGMENT_KEY =
  /bounced_?recipients|complained_?recipients|(?<!de)bounce[._]?type|complaint_?feedback_?type|common_?headers|headers_?truncated|^SuppressedDestination/i;

/** What the object is by its own members: those of members are not looked into. */
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

/** True of a `row`. */
export function isRow(value: JsonObject): boolean {
  return isSet(value["@message"]);
}

/** `eventType` of event publishing, else `notificationType`: of an object that may be an SES event. */
export function typeOf(value: JsonObject): unknown {
  return value["eventType"] ?? value["notificationType"];
}

/** Where exports write a member as a pair: `{"key": "eventType", "value": "Bounce"}`. */
function isTypeOfPair(value: JsonObject): boolean {
  const name = value["key"] ?? value["name"] ?? value["field"];
  return typeof name === "string" && TYPE_KEY.test(name) && namesType(value["value"]) !== null;
}

/** `"Bounce"`, or what some exports make of it: `["Bounce"]`, `{"S": "Bounce"}`. */
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
/** What stands between a name and its value in JSON, also escaped or percent-encoded, and in what languages print. */
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

/** True when something stands in a text that only a text about SES events has. */
export function hasTrace(text: string): boolean {
  return TRACE.test(text);
}

/** Where the last such thing begins, as an index; -1: there is none. */
export function lastTrace(text: string): number {
  let last = -1;
  for (const { index } of text.matchAll(TRACES)) last = index;
  return last;
}
