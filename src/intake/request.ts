/** Reads the body of one request for mail: into messages, or into everything that is wrong with it. */
import type { Envelope } from "../compose/content/content.ts";
import type { AcceptMessage } from "../store/rows.ts";
import { isObject } from "../json.ts";
import type { Fields } from "./fields.ts";
import { lengthOf } from "./long-list.ts";
import type { Problem } from "./problems.ts";
import { Reading, type Surroundings } from "./reading.ts";
import { MOST_ADDRESSES, MOST_ATTACHMENTS, MOST_HEADERS, MOST_REPLY_TO } from "./schema.ts";
import { checkStructure } from "./structure.ts";

/** The request is wrong. Nothing of it is stored, and it would be refused again. */
export interface Invalid {
  kind: "invalid";
  /** One sentence for people. */
  reason: string;
  /** One for each place. Null: the request is wrong as a whole. */
  problems: readonly Problem[] | null;
}

/** What a body turned out to be. */
export type Read =
  | { kind: "messages"; messages: AcceptMessage[] }
  | Invalid
  /** No sender is configured, so no mail can be taken in. */
  | { kind: "no-sender" };

/** The `Surroundings` of a request. `envelope` is null when no sender is configured. */
export type RequestSurroundings = Omit<Surroundings, "envelope"> & { envelope: Envelope | null };

/** More fields than a message has. Few enough that naming every unknown one stays cheap. */
const MOST_FIELDS = 32;

/**
 * Reads a parsed JSON value, which need not be an object. Names all its problems at once, up to 1,000. Rejects when
 * `knownUuids` does.
 */
export async function readRequest(body: unknown, { envelope, ...around }: RequestSurroundings): Promise<Read> {
  if (!isObject(body)) return { kind: "invalid", reason: "expected a JSON object with messages", problems: null };
  const oversized = oversizeOf(body);
  if (oversized !== null) return { kind: "invalid", reason: oversized.message, problems: [oversized] };
  if (envelope === null) return { kind: "no-sender" };
  const problems = checkStructure(body);
  const reading = new Reading({ ...around, envelope }, problems);
  const messages = await reading.read(body);
  if (problems.count === 0) return { kind: "messages", messages };
  return { kind: "invalid", reason: problems.summary(), problems: problems.list() };
}

/**
 * The one problem of a body that is empty or too large. In a huge body the schema would report every single problem.
 */
function oversizeOf(body: Fields): Problem | null {
  const messages = body["messages"] ?? [];
  if (!Array.isArray(messages)) return null;
  if (messages.length === 0) return { path: "messages", message: "No messages provided" };
  if (messages.length > MOST_ADDRESSES || addressesIn(messages) > MOST_ADDRESSES)
    return { path: "messages", message: `Max ${MOST_ADDRESSES} emails per request` };
  if (fieldsIn(body) > MOST_FIELDS) return { path: "", message: "too many unknown fields" };
  for (const [index, message] of messages.entries()) {
    const found = isObject(message) ? crowdIn(message) : null;
    if (found !== null) return { path: `messages[${index}]${found.path}`, message: found.message };
  }
  return null;
}

/** The parts of a message whose number has no bound, and the most that one may have. */
const CROWDS: [field: string, most: number, what: string][] = [
  ["attachments", MOST_ATTACHMENTS, "attachments"],
  ["reply_to", MOST_REPLY_TO, "mailboxes"],
  ["replyTo", MOST_REPLY_TO, "mailboxes"],
  ["headers", MOST_HEADERS, "headers"],
];

function crowdIn(message: Fields): Problem | null {
  if (fieldsIn(message) > MOST_FIELDS) return { path: "", message: "too many unknown fields" };
  for (const [field, most, what] of CROWDS)
    if (fieldsIn(message[field]) > most) return { path: `.${field}`, message: `expected at most ${most} ${what}` };
  for (const list of ["to", "attachments"])
    for (const [index, entry] of listOf(message[list]).entries())
      if (fieldsIn(entry) > MOST_FIELDS) return { path: `.${list}[${index}]`, message: "too many unknown fields" };
  return null;
}

/** How many items or fields a value has. */
function fieldsIn(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function addressesIn(messages: readonly unknown[]): number {
  return messages.reduce<number>(
    (sum, message) =>
      isObject(message) ? sum + listOf(message["emails"]).length + lengthOf(listOf(message["to"])) : sum,
    0,
  );
}
