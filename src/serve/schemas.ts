/** The shapes of requests and answers. The same schemas check requests, write answers and make `/openapi.json`. */
import { STATES } from "../message.ts";
import { RATES, TIMES } from "../report/stats.ts";
import { EVENT_COUNTERS } from "../store/rules/event-counters.ts";
import { TOPIC_STATES } from "./topic-state.ts";

/** A whole number, not negative. */
export const COUNT = { type: "integer", minimum: 0 } as const;
/** A time in ISO 8601, or null. */
export const INSTANT = { type: ["string", "null"], format: "date-time" } as const;
/** The same, or null where nobody can know it. */
const KNOWN_COUNT = { type: ["integer", "null"], minimum: 0, description: "Null: SES has not reported of it" } as const;
const SHARE = {
  type: ["number", "null"],
  description: "A fraction of sent; null when nothing was sent, or the count is not known",
} as const;

/** The schema of an object with all of these properties and no others. */
export function object<P extends Record<string, unknown>>(properties: P, description?: string) {
  return {
    type: "object",
    required: Object.keys(properties),
    additionalProperties: false,
    properties,
    ...(description !== undefined && { description }),
  };
}

/** The same schema for each of these names, to be used as properties. */
export function each(names: readonly string[], schema: object): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, schema]));
}

const STORED = object(
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

/** The answer of `POST /v1/messages`, as `answerText` writes it. */
export const MESSAGE_ANSWER = {
  ...STORED,
  properties: {
    ...STORED.properties,
    ids: {
      type: "array",
      items: { type: ["integer", "null"] },
      description:
        "A message for each address, in the order of the request, when there are 1,000 addresses or fewer. Of a duplicate, the message that is there already; null where it is not known.",
    },
  },
} as const;

const PROBLEM = object({ path: { type: "string", examples: ["messages[2].emails[17]"] }, message: { type: "string" } });

/** Every answer that is an error. `problems` name places in the request, and every 400 has at least one; its path is empty when it is about the whole. */
export const ERROR = {
  type: "object",
  description: "An error; `/openapi.json` says what it means for each status",
  required: ["error"],
  additionalProperties: false,
  properties: { error: { type: "string" }, problems: { type: "array", items: PROBLEM } },
} as const;

/**
 * What the guards and the error handler may answer on any route with a key. `/openapi.json` adds it to each of them.
 */
export const REFUSALS = { 400: ERROR, 401: ERROR, 403: ERROR, 429: ERROR, 500: ERROR, 503: ERROR } as const;

const REQUEST_COUNTS = ["Created", "Processed", "Sent", "Failed", "Stopped"] as const;
const RESULT_COUNTS = ["Delivery", "Bounce", "Complaint", "Open", "Click", "Reject", "DeliveryDelay"] as const;

/** A topic as `ses-mail stats --json` prints it. */
export const STATS_FIELDS = {
  topic: { type: "string" },
  total: COUNT,
  ...each(STATES, COUNT),
  ...each(EVENT_COUNTERS, KNOWN_COUNT),
  unsubscribed: COUNT,
  ...each(TIMES, INSTANT),
  ...each(RATES, SHARE),
};

/** What a topic is doing, and its pause. */
export const TOPIC_STATE = {
  state: { type: "string", enum: TOPIC_STATES, description: "What the topic is doing" },
  reason: { type: ["string", "null"], description: "Why nothing of it leaves; null: nothing is in its way" },
  paused_at: { ...INSTANT, description: "When it was paused; null: it is not paused" },
  paused_until: {
    ...INSTANT,
    description: "When the pause ends by itself; null: it is not paused, or until it is resumed",
  },
  removed: {
    ...COUNT,
    description: "Messages that were removed (prune, forget): the counts still have them, and nothing else does",
  },
} as const;

/** A topic in `/v1/topics`: the fields of `stats`, then the counts under the names that older services gave them. */
export const TOPIC = object({
  ...STATS_FIELDS,
  ...TOPIC_STATE,
  request_counts: object(each(REQUEST_COUNTS, COUNT), "Messages by state; they add up to total"),
  result_counts: object(each(RESULT_COUNTS, COUNT), "Messages by what came back"),
  request: object(each(["total", "created", "sent", "failed", "stopped"], COUNT)),
  result: object({ total: COUNT, statuses: object(each(RESULT_COUNTS, COUNT)) }),
  visits: object(
    each(["opens", "machine_opens", "clicks"], COUNT),
    "Every visit through the links of this gateway, opens of programs apart; opened and clicked count messages",
  ),
  reason: {
    type: ["string", "null"],
    description: "Why nothing of it gets through now; null: it does, or nothing waits",
  },
});

/** The query parameter `after`: where the page before ended. */
export const AFTER = { type: "string", maxLength: 400, description: "`next` of the page before" } as const;
/** The field `next` of a page. */
export const NEXT = {
  type: ["string", "null"],
  description: "What to send as `after` to get what follows; null: this is the end",
} as const;

/** The answer of `GET /v1/topics`. */
export const TOPICS = object({ topics: { type: "array", items: TOPIC }, next: NEXT });

/** The answer of `DELETE /v1/topics/{id}`. */
export const CANCELLED = object({
  status: { type: "string", enum: ["ok"] },
  topic: { type: "string" },
  cancelled: COUNT,
  in_flight: { ...COUNT, description: "Handed to SES already: these cannot be taken back" },
});

const ALL_STATES = object({ total: COUNT, ...each(STATES, COUNT) });

/** The body of `POST /v1/topics/{id}/pause`; it may be left out. */
export const PAUSE_BODY = {
  type: ["object", "null"],
  additionalProperties: false,
  properties: {
    for: {
      type: "string",
      description: "How long, such as 30m, 2h or 1d; without it until the topic is resumed",
      examples: ["2h"],
    },
  },
} as const;

/** The answer of `POST /v1/topics/{id}/pause`: `PausedAnswer`. */
export const PAUSED = object({
  topic: { type: "string" },
  paused_at: INSTANT,
  paused_until: { ...INSTANT, description: "When the pause ends by itself; null: when the topic is resumed" },
  pending: { ...COUNT, description: "Messages that wait" },
  in_flight: { ...COUNT, description: "Handed to SES already: these are not held back" },
  totals: ALL_STATES,
});

/** The answer of `POST /v1/topics/{id}/resume`: `ResumedAnswer`. */
export const RESUMED = object({
  topic: { type: "string" },
  resumed: { type: "boolean", description: "False: it was not paused" },
  pending: COUNT,
  totals: ALL_STATES,
});

/** The answer of `GET /v1/events/counts/sent`. */
export const SENT_COUNT = object({ count: COUNT, hours: COUNT, since: { type: "string", format: "date-time" } });

/** The answer of `GET /health`. */
export const HEALTHY = object({
  status: { type: "string", enum: ["ok"] },
  service: { type: "string" },
  time: { type: "string", format: "date-time" },
});

const SOUND = object({
  status: { type: "string", enum: ["ok", "unavailable"] },
  db: { type: "string", enum: ["connected", "disconnected"] },
  sending: {
    type: "string",
    enum: ["ok", "halted"],
    description: "halted: nothing gets through; it is tried again by itself",
  },
  reason: { type: ["string", "null"], description: "Why nothing gets through; null: it does" },
});

/** The answer of `GET /ready`. `inlets` is there when mail is taken in from brokers. */
export const READY = {
  ...SOUND,
  properties: {
    ...SOUND.properties,
    inlets: {
      type: "object",
      description: "The brokers from which mail is taken in; one that is away is looked for until it is back",
      additionalProperties: { type: "string", enum: ["connected", "away"] },
    },
  },
} as const;
