/** The shapes of requests and answers: what is checked, and what `/openapi.json` says, are the same. */
import { STATES } from "../message.ts";
import { RATES, TIMES } from "../report/stats.ts";
import { EVENT_COUNTERS } from "../store/rules/marks.ts";

export const COUNT = { type: "integer", minimum: 0 } as const;
export const INSTANT = { type: ["string", "null"], format: "date-time" } as const;
const SHARE = { type: ["number", "null"], description: "A fraction of sent; null when nothing was sent" } as const;

export function object<P extends Record<string, unknown>>(properties: P, description?: string) {
  return {
    type: "object",
    required: Object.keys(properties),
    additionalProperties: false,
    properties,
    ...(description !== undefined && { description }),
  };
}

export function each(names: readonly string[], schema: object): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, schema]));
}

export const MESSAGE_ANSWER = object(
  {
    total: { ...COUNT, description: "Addresses in the request" },
    success: { ...COUNT, description: "Addresses taken in" },
    errors: COUNT,
    duration_ms: COUNT,
    scheduled: { type: "boolean", description: "Something of it leaves later" },
    count: { ...COUNT, description: "The same as success" },
    elapsed: { type: "string", examples: ["1.2ms"] },
    duplicates: { ...COUNT, description: "Addresses that were there already" },
    suppressed: { ...COUNT, description: "Of success: addresses that are not written to" },
    scheduled_at: { ...INSTANT, description: "When the earliest of what was scheduled leaves, UTC" },
  },
  "Everything is stored durably",
);

const PROBLEM = object({ path: { type: "string", examples: ["messages[2].emails[17]"] }, message: { type: "string" } });

export const ERROR = {
  type: "object",
  description: "Nothing was done",
  required: ["error"],
  additionalProperties: false,
  properties: { error: { type: "string" }, problems: { type: "array", items: PROBLEM } },
} as const;

/** What the guards and the error handler answer on any route with a key; `/openapi.json` adds them by itself. */
export const REFUSALS = { 400: ERROR, 401: ERROR, 403: ERROR, 429: ERROR, 500: ERROR, 503: ERROR } as const;

const REQUEST_COUNTS = ["Created", "Processed", "Sent", "Failed", "Stopped"] as const;
const RESULT_COUNTS = ["Delivery", "Bounce", "Complaint", "Open", "Click", "Reject", "DeliveryDelay"] as const;

/** The object of `stats`: what `ses-mail stats --json` prints of a topic. */
export const STATS_FIELDS = {
  topic: { type: "string" },
  total: COUNT,
  ...each(STATES, COUNT),
  ...each(EVENT_COUNTERS, COUNT),
  ...each(TIMES, INSTANT),
  ...each(RATES, SHARE),
};

export const TOPIC = object({
  ...STATS_FIELDS,
  request_counts: object(each(REQUEST_COUNTS, COUNT), "Messages by state; they add up to total"),
  result_counts: object(each(RESULT_COUNTS, COUNT), "Messages by what came back"),
  request: object(each(["total", "created", "sent", "failed", "stopped"], COUNT)),
  result: object({ total: COUNT, statuses: object(each(RESULT_COUNTS, COUNT)) }),
  visits: object(
    each(["opens", "machine_opens", "clicks"], COUNT),
    "Every visit through the links of this gateway, opens of programs apart; opened and clicked count messages",
  ),
});

export const TOPICS = object({ topics: { type: "array", items: TOPIC } });

export const CANCELLED = object({
  status: { type: "string", enum: ["ok"] },
  topic: { type: "string" },
  cancelled: COUNT,
  in_flight: { ...COUNT, description: "Handed to SES already: these cannot be taken back" },
});

export const SENT_COUNT = object({ count: COUNT, hours: COUNT, since: { type: "string", format: "date-time" } });

export const HEALTHY = object({
  status: { type: "string", enum: ["ok"] },
  service: { type: "string" },
  time: { type: "string", format: "date-time" },
});

export const READY = object({
  status: { type: "string", enum: ["ok", "unavailable"] },
  db: { type: "string", enum: ["connected", "disconnected"] },
});
