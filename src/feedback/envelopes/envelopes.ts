/** Finds the SES events in one record. */
import { brief, type Filled, isControlMessage, openEnvelope, type OpenedEnvelope } from "./aws-envelopes.ts";
import { recordsIn } from "./json-scanner.ts";
import { isObject } from "../../json.ts";
import { parseJson, type JsonObject } from "./json-value.ts";
import { rowOfQuery, search } from "./search.ts";
import { otherNotification, readEvent, type SesEvent } from "../ses-event.ts";
import { isRow, kindOfObject, typeOf } from "./traces.ts";
import { type Budget, newBudget } from "./unpack.ts";

/**
 * What one record holds: an event; something readable that is no event of mail we sent (`ignored` says what); or a
 * defect (`malformed` says which).
 */
export type Unwrapped = { event: SesEvent } | { ignored: string } | { malformed: string };

type NotFilled = Exclude<OpenedEnvelope, Filled>;

/** How one record is read. */
interface Reading {
  /** True when events count anywhere in the record. */
  anywhere: boolean;
  budget: Budget;
}

/** The deepest nesting seen in practice has five: SQS, SNS, EventBridge, Lambda record, log line. */
const MAX_DEPTH = 8;

/** What SES sends to an SNS topic to say that it works. */
const KNOWN_SENTENCES = /^Successfully validated SNS topic for Amazon SES event publishing/;
/** What Lambda itself writes into the log of a function that logs its events. */
const LAMBDA_LOG = /^(?:START|END|REPORT|INIT_START|INIT_REPORT|XRAY|EXTENSION) /;
/** `console.log` in Lambda writes time, request id and level before the text. */
const LOG_PREFIX = /^\d{4}-\d\d-\d\dT[\d:.]+Z?\t[^{]*(?=\{)/;

/**
 * The SES events of one record that came by itself, from a queue or over HTTP. It counts only events in the envelopes
 * that AWS writes, up to eight deep. All we know of such a record is who may write to the queue or the SNS topic, and
 * what they pass on may hold texts of strangers. So an event anywhere else is not taken for one: its record is
 * malformed, and a person decides.
 *
 * `value` is the JSON of the record, or a text that may be JSON. One item is one record: an SQS dump counts messages, a
 * log export counts log events. So an envelope that holds several gives several, and an empty one gives none. Never
 * throws, and fetches nothing.
 */
export function unwrap(value: unknown): Unwrapped[] {
  return open(value, 0, { anywhere: false, budget: newBudget() });
}

/**
 * As `unwrap`, for a record of a dump that its owner trusts: outside of the envelopes of AWS it also searches for
 * events (see `search`, also for what is never searched). In an unknown wrapper each event is one record. A wrapper is
 * ignored only when nothing in it looks like an SES event.
 */
export function unwrapAnywhere(value: unknown): Unwrapped[] {
  return open(value, 0, { anywhere: true, budget: newBudget() });
}

function open(value: unknown, depth: number, reading: Reading): Unwrapped[] {
  if (depth > MAX_DEPTH) return openTooDeep(value, reading);
  if (typeof value === "string") return openText(value, depth, reading);
  if (Array.isArray(value)) return openArray(value, depth, reading);
  if (!isObject(value)) return [{ malformed: `expected a JSON object, got ${JSON.stringify(value)}` }];
  return isEvent(value, reading) ? [openEvent(value)] : openObject(value, depth, reading);
}

function openTooDeep(value: unknown, { anywhere, budget }: Reading): Unwrapped[] {
  const tooDeep = [{ malformed: `more than ${MAX_DEPTH} envelopes inside each other` }];
  if (!anywhere) return tooDeep;
  const found = search(value, budget);
  return found.length > 0 ? found : [{ ignored: "JSON that is no SES event" }];
}

function openArray(value: readonly unknown[], depth: number, reading: Reading): Unwrapped[] {
  const row = reading.anywhere ? rowOfQuery(value) : null;
  return row === null ? value.flatMap((element) => open(element, depth + 1, reading)) : open(row, depth, reading);
}

function isEvent(value: JsonObject, { anywhere }: Reading): boolean {
  const type = typeOf(value);
  if (type === undefined || type === null) return false;
  return !anywhere || (typeof type === "string" && isObject(value["mail"])) || kindOfObject(value) === "event";
}

function openEvent(value: JsonObject): Unwrapped {
  const other = otherNotification(typeOf(value));
  if (other !== null) return { ignored: other };
  const event = readEvent(value);
  return "malformed" in event ? event : { event };
}

function openObject(value: JsonObject, depth: number, reading: Reading): Unwrapped[] {
  const opened = envelopeOf(value, reading);
  if (!("inside" in opened)) return openUnknown(value, opened, reading);
  const items = opened.inside.flatMap((inner) => open(inner, depth + 1, reading));
  return reading.anywhere && !opened.closed ? withRest(items, value, opened, reading) : items;
}

function openUnknown(value: JsonObject, opened: NotFilled, reading: Reading): Unwrapped[] {
  if (!reading.anywhere) return ["ignored" in opened ? notIgnored(opened, value, reading) : opened];
  const found = search(value, reading.budget);
  return found.some((item) => "event" in item) || (found.length > 0 && "ignored" in opened) ? found : [opened];
}

function envelopeOf(value: JsonObject, { anywhere, budget }: Reading): OpenedEnvelope {
  if (!anywhere) return openEnvelope(value, budget);
  if (isRow(value)) return { inside: [value["@message"]], closed: true };
  const records = isControlMessage(value) ? null : recordsIn(value);
  return records === null ? openEnvelope(value, budget) : { inside: records, taken: records };
}

/**
 * Reads a text. Inside an envelope, a text that is not JSON is somebody else's message; alone in a line, it is a broken
 * record.
 */
function openText(text: string, depth: number, reading: Reading): Unwrapped[] {
  const value = jsonOf(text);
  if (value !== undefined) return open(value, depth, reading);
  const found = reading.anywhere ? search(text, reading.budget) : [];
  if (found.length > 0) return found;
  const trimmed = text.trim();
  if (KNOWN_SENTENCES.test(trimmed) || LAMBDA_LOG.test(trimmed)) return [{ ignored: brief(trimmed) }];
  if (trimmed.startsWith("{")) return [{ malformed: "not JSON" }];
  if (depth === 0) return [{ malformed: `not JSON: ${brief(trimmed)}` }];
  const ignored = { ignored: `a text: ${brief(trimmed)}` };
  return [reading.anywhere ? ignored : notIgnored(ignored, text, reading)];
}

function jsonOf(text: string): unknown {
  // Nearly every text is JSON as it is. To trim it first (event publishing ends it with a line feed) would copy it.
  const whole = text.startsWith("{") ? parseJson(text) : undefined;
  if (whole !== undefined) return whole;
  const json = text.trim().replace(LOG_PREFIX, "");
  return /^[[{"]/.test(json) ? parseJson(json) : undefined;
}

/** Ignores a value, unless it holds an SES event that may not be taken from there. */
function notIgnored(ignored: { ignored: string }, value: unknown, { budget }: Reading): Unwrapped {
  if (search(value, budget).length === 0) return ignored;
  return {
    malformed: "an SES event, or a part of one, outside the envelopes of AWS; ingest-events reads it from a file",
  };
}

/** Adds to the items of an envelope what else is in it. Copies of its events do not count. */
function withRest(items: Unwrapped[], value: JsonObject, { inside, taken }: Filled, { budget }: Reading): Unwrapped[] {
  const known = new Set(items.flatMap((item) => ("event" in item ? item.event.key : [])));
  const read = taken === undefined ? 0 : items.filter((item) => !("ignored" in item)).length;
  const found = search(value, budget, { taken, items: read });
  const more = found.filter((item) => "malformed" in item || !known.has(item.event.key));
  if (more.length === 0) return items;
  return [...(inside.length === 1 ? items.filter((item) => !("ignored" in item)) : items), ...more];
}
