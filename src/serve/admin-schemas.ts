/** Schemas that the routes of the admin API share. */
import { STATES } from "../message.ts";
import { COUNT, each, INSTANT, object, STATS_FIELDS } from "./schemas.ts";

/** Entries of a list when the client names no limit. `ses-mail export` writes all messages. */
const LISTED = 50;
const MOST_LISTED = 1_000;

/** Puts a route under `admin` in the documentation. */
export const TAGS = { tags: ["admin"] };
/** The query parameter `limit`: 1 to 1,000 entries. */
export const LIMIT = { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED } as const;
/** Text, or null. */
export const TEXT = { type: ["string", "null"] } as const;

/** The schema of a 200 answer: all of these properties and no others. */
export function answer(properties: Record<string, object>) {
  return { description: "done", ...object(properties) };
}

/** The schema of a query string: each parameter is optional, and others are refused. */
export function query(properties: Record<string, object>) {
  return { type: "object", properties, additionalProperties: false } as const;
}

/** The schema of path parameters: all of them are required. */
export const path = object;

/** The path parameter `id`: the name of a topic. */
export const TOPIC_PATH = path({ id: { type: "string", minLength: 1, maxLength: 100 } });

/** How many messages are in each state, and their sum. */
export const TOTALS = object({ total: COUNT, ...each(STATES, COUNT) });

/** `TopicFacts`: a topic as the overview shows it. */
export const TOPIC = object({
  ...STATS_FIELDS,
  not_before: INSTANT,
  cancelled_at: INSTANT,
  endpoint: TEXT,
  held: { type: "boolean" },
  reason: TEXT,
});
