/** Searches a value for SES events, wherever they are: for wrappers that we have no list of. */
import { isObject } from "../../json.ts";
import type { JsonObject } from "./json-value.ts";
import { otherNotification, readEvent, type SesEvent } from "../ses-event.ts";
import { peel } from "./text-layers.ts";
import { kindOfObject, LONGEST_NAME, typeOf } from "./traces.ts";
import type { Budget } from "./unpack.ts";

/** What a search finds: an event, or something that looks like one and cannot be read. */
export type SearchResult = { event: SesEvent } | { malformed: string };

/**
 * SNS in SQS in a Lambda record in a log in a dump of logs are five texts inside each other. Base64 and gzip make two
 * of one.
 */
const MOST_LAYERS = 16;
/** No event has fewer bytes. In base64 it is long enough to be read (see `RUN` in text-layers.ts). */
const SHORTEST_BYTES = 45;

/** What is known about a value before the search. */
export interface Searched {
  /** A part of it that was already read and is left out; compared by identity. */
  taken: unknown;
  /** How many events that part held, readable or not. */
  items: number;
}

const NOT_KNOWN: Searched = { taken: undefined, items: 0 };

interface Frame {
  values: readonly unknown[];
  at: number;
  layers: number;
}

/**
 * The SES events in `value`, in document order. It searches the members of objects and arrays at any depth, texts that
 * hold JSON (among other words, escaped, percent-encoded, in base64 or hex, packed; up to 16 inside each other) and
 * lists of bytes. An event that is there twice, as an object and as a text, is found once. `malformed` comes last,
 * once, when something looks like an SES event and cannot be read. Empty when there is no trace of an event.
 *
 * An event, or a part of one, is never searched: strangers write subjects, headers, tags, links and the answers of mail
 * servers, and what they write must not suppress anybody. The rest of `value` is trusted, so search only what its owner
 * trusts.
 *
 * The time is linear in the size of `value`, times the layers. What is unpacked counts against `budget`.
 */
export function search(value: unknown, budget: Budget, { taken, items }: Searched = NOT_KNOWN): SearchResult[] {
  const found = new Found(items);
  const frames: Frame[] = [{ values: [value], at: 0, layers: 0 }];
  // No recursion, so nesting needs no stack. A chain of single members (`{"a":{"a":…`) does not even need a frame.
  for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
    const next = frame.values[frame.at++];
    if (frame.at >= frame.values.length) frames.pop();
    if (next === undefined || next === taken) continue;
    const inside = look(next, frame.layers, found, budget);
    if (inside.values.length > 0) frames.push({ values: inside.values, layers: inside.layers, at: 0 });
  }
  return found.all();
}

type Inside = Pick<Frame, "values" | "layers">;
const NOTHING: Inside = { values: [], layers: 0 };

function look(value: unknown, layers: number, found: Found, budget: Budget): Inside {
  if (typeof value === "string") return lookIntoText(value, layers, found, budget);
  if (typeof value !== "object" || value === null) return NOTHING;
  const text = textOfBytes(value);
  if (text !== null) return lookIntoText(text, layers, found, budget);
  if (!Array.isArray(value)) return lookIntoObject(value as JsonObject, layers, found);
  const row = rowOfQuery(value);
  return { values: row === null ? value : [row], layers };
}

function lookIntoText(text: string, layers: number, found: Found, budget: Budget): Inside {
  const { values, broken, speaks } = peel(text, budget);
  if (broken !== null) found.defect(broken);
  if (speaks) found.spokenOf();
  if (values.length > 0 && layers === MOST_LAYERS) found.defect(`more than ${MOST_LAYERS} texts inside each other`);
  return layers === MOST_LAYERS ? NOTHING : { values, layers: layers + 1 };
}

function lookIntoObject(value: JsonObject, layers: number, found: Found): Inside {
  switch (kindOfObject(value)) {
    case "event":
      found.event(value);
      return NOTHING;
    case "inbound":
      return NOTHING;
    case "fragment":
      found.defect("a part of an SES event, or one whose members have other names");
      return NOTHING;
    case "row":
      return { values: [value["@message"]], layers };
    case "label":
      found.announce("the type of an SES event, and no event");
      break;
    case "other":
      if (isEnvelopeOfMail(value)) found.announce("an envelope of SES or SNS, and no event in it");
  }
  return { values: [...textsInKeys(value), ...Object.values(value)], layers };
}

/** When a program reads a body of JSON as a form, the JSON becomes the name of a member with an empty value. */
function textsInKeys(value: JsonObject): string[] {
  return Object.keys(value).filter((key) => key.length > LONGEST_NAME);
}

/** True for envelopes that say that they hold an SES event. */
function isEnvelopeOfMail(value: JsonObject): boolean {
  if (value["source"] === "aws.ses") return String(value["detail-type"]).startsWith("Email ");
  if (value["Type"] === "Notification") return typeof value["TopicArn"] === "string" && !value["Message"];
  return isObject(value["awslogs"]) && !/^H4sI.{56}/s.test(String(value["awslogs"]["data"]));
}

/**
 * Reads what Logs Insights writes for a log event, `[{"field": "@message", "value": "…"}, …]`, as an object; null for
 * anything else.
 */
export function rowOfQuery(value: readonly unknown[]): JsonObject | null {
  if (value.length === 0) return null;
  const isCell = (cell: unknown) =>
    isObject(cell) &&
    typeof cell["field"] === "string" &&
    Object.keys(cell).every((key) => /^(?:field|value)$/.test(key));
  if (!value.every(isCell)) return null;
  return Object.fromEntries((value as JsonObject[]).map((cell) => [cell["field"], cell["value"]])) as JsonObject;
}

/**
 * Gives bytes as programs print them, `[123, 34, …]` (`Buffer`) or `{"0": 123, "1": 34, …}` (`Uint8Array`), in base64;
 * null for anything else.
 */
function textOfBytes(value: object): string | null {
  const isList = Array.isArray(value) ? typeof value[0] === "number" : Object.hasOwn(value, "0");
  if (!isList) return null;
  const numbers = Object.values(value) as unknown[];
  const isByte = (number: unknown) => Number.isInteger(number) && Math.abs(number as number) < 256;
  return numbers.length >= SHORTEST_BYTES && numbers.every(isByte)
    ? Buffer.from(numbers as number[]).toString("base64")
    : null;
}

/** The events found by one search, each once, and what could not be read. */
class Found {
  readonly #events = new Map<string, SesEvent>();
  #defect: string | null = null;
  #announced = 0;
  #announcement = "";
  #spokenOf = false;
  readonly #known: number;

  constructor(known: number) {
    this.#known = known;
  }

  event(value: JsonObject): void {
    if (otherNotification(typeOf(value)) !== null) return;
    const event = readEvent(value);
    if ("malformed" in event) this.defect(event.malformed);
    else if (!this.#events.has(event.key)) this.#events.set(event.key, event);
  }

  defect(reason: string): void {
    this.#defect ??= reason;
  }

  /** Notes that something says there is an event. That is fine as long as there is an event for each. */
  announce(reason: string): void {
    if (this.#announced++ === 0) this.#announcement = reason;
  }

  /** Notes that the words of a log mention an event. That is fine as long as there is one. */
  spokenOf(): void {
    this.#spokenOf = true;
  }

  all(): SearchResult[] {
    const events = [...this.#events.values()].map((event) => ({ event }));
    const defect = this.#defect ?? this.#missing(this.#known + events.length);
    return defect === null ? events : [...events, { malformed: defect }];
  }

  #missing(events: number): string | null {
    if (this.#announced > events) return this.#announcement;
    return this.#spokenOf && events === 0 ? "a text that speaks of an SES event, and no event" : null;
  }
}
