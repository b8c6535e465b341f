/** Schemas of the admin API, from small parts. */
import { STATES } from "../message.ts";
import { COUNT, each, INSTANT, object, STATS_FIELDS } from "./schemas.ts";

/** A page of addresses; `export` has them all. */
const LISTED = 50;
const MOST_LISTED = 1_000;

export const TAGS = { tags: ["admin"] };
export const LIMIT = { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED } as const;
export const TEXT = { type: ["string", "null"] } as const;

export function answer(properties: Record<string, object>) {
  return { description: "done", ...object(properties) };
}

export function query(properties: Record<string, object>) {
  return { type: "object", properties, additionalProperties: false } as const;
}

export const path = object;

export const TOPIC_PATH = path({ id: { type: "string", minLength: 1, maxLength: 100 } });

export const TOTALS = object({ total: COUNT, ...each(STATES, COUNT) });

export const TOPIC = object({
  ...STATS_FIELDS,
  not_before: INSTANT,
  cancelled_at: INSTANT,
  endpoint: TEXT,
  held: { type: "boolean" },
});
