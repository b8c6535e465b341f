/**
 * `/v1/topics`: counts of topics, in the words of `stats` and in those of the older services, and cancelling a topic.
 */
import type { FastifyInstance } from "fastify";
import { STATES, zeros } from "../../message.ts";
import { countsOf, withRates } from "../../report/stats.ts";
import type { TopicRow } from "../../store/rows.ts";
import type { Topics } from "../../store/store.ts";
import { EVENT_COUNTERS } from "../../store/rules/event-counters.ts";
import { storedTopic } from "../../store/topic-name.ts";
import type { Gateway } from "../gateway.ts";
import { reasonOf } from "../overview.ts";
import { CANCELLED, TOPIC, TOPICS } from "../schemas.ts";

const PARAMS = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", description: "The topic's name, percent-encoded" } },
} as const;

const TAGS = { tags: ["topics"] };

interface TopicPath {
  Params: { id: string };
}

type Asked = { store: Topics } & Pick<Gateway, "sender" | "settings" | "held">;

/** Adds the routes. A topic without mail is no error: its counts are zero. */
export function topicRoutes(app: FastifyInstance, gateway: Asked): void {
  const { store } = gateway;
  const answer = (row: TopicRow) => ({ ...topicAnswer(row), reason: reasonOf(gateway)(row) });
  app.get(
    "/v1/topics",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listTopics",
        summary: "Every topic with its counts",
        response: { 200: TOPICS },
      },
    },
    async () => ({ topics: (await store.topics()).map(answer) }),
  );
  app.get<TopicPath>(
    "/v1/topics/:id",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getTopic",
        summary: "One topic; zeros for one that has no mail yet",
        params: PARAMS,
        response: { 200: TOPIC },
      },
    },
    async ({ params: { id } }) => {
      const topic = await storedTopic(store, id);
      return answer((await store.topic(topic)) ?? { topic, ...NO_MAIL });
    },
  );
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

/** The counts of `request_counts` add up to `total`, and so do those of `request`. */
function topicAnswer(row: TopicRow) {
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
  endpoint: null,
  firstSentAt: null,
  lastSentAt: null,
  readerOpens: 0,
  machineOpens: 0,
  clicks: 0,
};
