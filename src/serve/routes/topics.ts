/**
 * `/v1/topics`: counts of topics, in the words of `stats` and in those of the older services; cancelling, pausing and resuming one.
 */
import type { FastifyInstance } from "fastify";
import { STATES, zeros } from "../../message.ts";
import { countsOf, withRates } from "../../report/stats.ts";
import type { TopicRow } from "../../store/rows.ts";
import type { Topics } from "../../store/store.ts";
import { EVENT_COUNTERS } from "../../store/rules/event-counters.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { isoTime } from "../../time/iso.ts";
import { refusalText } from "../../intake/refusal-text.ts";
import { parsePause, pauseTopic, resumeTopic } from "../../store/pausing.ts";
import { TopicRefusedError } from "../../store/rules/admit.ts";
import { LIMIT, query } from "../admin-schemas.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { requireTopic } from "../known-topic.ts";
import { AFTER, CANCELLED, ERROR, PAUSE_BODY, PAUSED, REFUSALS, RESUMED, TOPIC, TOPICS } from "../schemas.ts";
import { topicState } from "../topic-state.ts";

const PARAMS = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", description: "The topic's name, percent-encoded" } },
} as const;

const TAGS = { tags: ["topics"] };

interface TopicPath {
  Params: { id: string };
}

type Routed = Pick<Gateway, "sender" | "held" | "clock" | "settings"> & { store: Topics };

/** Adds the routes. To those that count and cancel, a topic without mail is no error: its counts are zero. */
export function topicRoutes(app: FastifyInstance, gateway: Routed): void {
  countRoutes(app, gateway);
  cancelRoute(app, gateway);
  pauseRoutes(app, gateway);
}

function countRoutes(app: FastifyInstance, gateway: Routed): void {
  const { store } = gateway;
  app.get<{ Querystring: { limit: number; after?: string } }>(
    "/v1/topics",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listTopics",
        summary: "Topics with their counts, oldest first, page by page",
        // Older clients send parameters of their own.
        querystring: {
          ...query({ limit: { ...LIMIT, default: LIMIT.maximum }, after: AFTER }),
          additionalProperties: true,
        },
        response: { 200: TOPICS },
      },
    },
    async ({ query: { limit, after = null } }) => {
      const { rows, next } = await store.topicPage({ order: "oldest first", after, limit });
      return { topics: rows.map((row) => topicAnswer(row, gateway)), next };
    },
  );
  app.get<TopicPath>(
    "/v1/topics/:id",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getTopic",
        summary: "One topic; one without mail is no error",
        params: PARAMS,
        response: { 200: TOPIC },
      },
    },
    async ({ params: { id } }) => {
      const topic = await storedTopic(store, id);
      return topicAnswer((await store.topic(topic)) ?? { topic, ...NO_MAIL }, gateway);
    },
  );
}

function cancelRoute(app: FastifyInstance, { store }: Routed): void {
  app.delete<TopicPath>(
    "/v1/topics/:id",
    {
      config: { access: "send" },
      schema: {
        ...TAGS,
        operationId: "cancelTopic",
        summary: "Take back what was not handed to SES yet",
        params: PARAMS,
        response: { 200: CANCELLED },
      },
    },
    async ({ params: { id } }) => {
      const topic = await storedTopic(store, id);
      // The store rejects a name that nobody used, and here it is no error.
      const known = (await store.topic(topic)) !== null;
      const { cancelled, inFlight } = known ? await store.cancel(topic) : { cancelled: 0, inFlight: 0 };
      return { status: "ok", topic, cancelled, in_flight: inFlight };
    },
  );
}

function pauseRoutes(app: FastifyInstance, { store, sender }: Routed): void {
  app.post<TopicPath & { Body: { for?: string } | null }>(
    "/v1/topics/:id/pause",
    {
      config: { access: "send" },
      schema: {
        ...TAGS,
        operationId: "pauseTopic",
        summary: "Let nothing of a topic leave for a while",
        description: "What comes in for it meanwhile waits, too. Pausing it again replaces the end of the pause.",
        params: PARAMS,
        body: PAUSE_BODY,
        response: { 200: PAUSED, ...REFUSALS, 404: ERROR, 409: ERROR },
      },
    },
    async ({ params: { id }, body }) => {
      const forMs = body?.for === undefined ? null : parsePause(body.for, "for");
      const { topic } = await requireTopic(store, id);
      return telling(pauseTopic(store, topic, forMs));
    },
  );
  app.post<TopicPath>(
    "/v1/topics/:id/resume",
    {
      config: { access: "send" },
      schema: {
        ...TAGS,
        operationId: "resumeTopic",
        summary: "Let a paused topic go on",
        params: PARAMS,
        response: { 200: RESUMED, ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { id } }) => {
      const { topic } = await requireTopic(store, id);
      const answer = await resumeTopic(store, topic);
      sender.wake();
      return answer;
    },
  );
}

/** Resolves and rejects as `work` does, but turns a refusal of the topic into a 409. */
async function telling<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof TopicRefusedError ? new Refusal(409, refusalText(error.refused)) : error;
  }
}

/** The counts of `request_counts` add up to `total`, and so do those of `request`. */
function topicAnswer(row: TopicRow, gateway: Routed) {
  const { pending, sending, sent, in_doubt: inDoubt, failed, cancelled, suppressed, total } = row;
  const stopped = cancelled + suppressed;
  const results = {
    Delivery: row.delivered,
    Bounce: row.bounced_permanent + row.bounced_transient,
    Complaint: row.complained,
    Open: row.opened,
    Click: row.clicked,
    Reject: row.rejected,
    DeliveryDelay: row.delayed,
  };
  return {
    ...withRates(countsOf(row)),
    ...topicState(row, gateway),
    paused_at: isoTime(row.pausedAt),
    paused_until: isoTime(row.pausedUntil),
    removed: row.removed,
    request_counts: { Created: pending, Processed: sending + inDoubt, Sent: sent, Failed: failed, Stopped: stopped },
    result_counts: results,
    request: { total, created: pending + sending + inDoubt, sent, failed, stopped },
    result: { total, statuses: results },
    visits: { opens: row.readerOpens, machine_opens: row.machineOpens, clicks: row.clicks },
  };
}

const NO_MAIL: Omit<TopicRow, "topic"> = {
  total: 0,
  ...zeros(STATES),
  ...zeros(EVENT_COUNTERS),
  notBefore: null,
  cancelledAt: null,
  pausedAt: null,
  pausedUntil: null,
  moving: null,
  endpoint: null,
  calledAt: null,
  afreshAt: null,
  prunedAt: null,
  removed: 0,
  firstSentAt: null,
  lastSentAt: null,
  reportedAt: null,
  tracksOpens: false,
  tracksClicks: false,
  readerOpens: 0,
  machineOpens: 0,
  clicks: 0,
};
