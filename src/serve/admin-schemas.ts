/** Schemas of the admin API, from small parts. */
import { STATES } from "../message.ts";

/** A page of addresses; `export` has them all. */
const LISTED = 50;
const MOST_LISTED = 1_000;

export const TAGS = { tags: ["admin"] };
export const LIMIT = { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED } as const;
export const COUNT = { type: "integer" } as const;
const TIME = { type: ["string", "null"], format: "date-time" } as const;
const SHARE = { type: ["number", "null"] } as const;
export const TEXT = { type: ["string", "null"] } as const;

export function object(properties: Record<string, object>) {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false } as const;
}

export function answer(properties: Record<string, object>) {
  return { description: "done", ...object(properties) };
}

export function query(properties: Record<string, object>) {
  return { type: "object", properties, additionalProperties: false } as const;
}

export const path = object;

export const TOPIC_PATH = path({ id: { type: "string", minLength: 1, maxLength: 100 } });

const counts = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, COUNT]));
export const TOTALS = object(counts(["total", ...STATES]));

export const TOPIC = object({
  topic: { type: "string" },
  ...counts(["total", ...STATES]),
  ...counts(["delivered", "bounced_permanent", "bounced_transient", "complained", "opened", "clicked", "rejected"]),
  delayed: COUNT,
  first_sent_at: TIME,
  last_sent_at: TIME,
  delivery_rate: SHARE,
  bounce_rate: SHARE,
  complaint_rate: SHARE,
  open_rate: SHARE,
  click_rate: SHARE,
  not_before: TIME,
  cancelled_at: TIME,
  endpoint: TEXT,
  held: { type: "boolean" },
});
