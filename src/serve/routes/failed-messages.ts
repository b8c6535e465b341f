/** Messages that failed or are in doubt, and trying them again. */
import type { FastifyInstance } from "fastify";
import { STATES, type State } from "../../message.ts";
import type { FailedMessage } from "../../store/rows.ts";
import type { Reader, Topics } from "../../store/store.ts";
import { RETRIABLE } from "../../store/rules/states.ts";
import { answer, LIMIT, query, TAGS, TEXT, TOPIC, TOPIC_PATH, TOTALS } from "../admin-schemas.ts";
import type { FailedMessageFacts } from "../dashboard/wire.ts";
import { refusedField } from "../errors.ts";
import { requireTopic } from "../known-topic.ts";
import type { Gateway } from "../gateway.ts";
import { topicFacts } from "../overview.ts";
import { COUNT, ERROR, object, REFUSALS } from "../schemas.ts";

const FAILED_MESSAGE = object({
  topic: { type: "string" },
  email: { type: "string" },
  state: { type: "string", enum: STATES },
  attempts: COUNT,
  error: TEXT,
});

const LIST_RESPONSE = {
  200: answer({ troubles: { type: "array", items: FAILED_MESSAGE } }),
  ...REFUSALS,
  404: ERROR,
};

const RETRY_BODY = {
  type: "object",
  properties: {
    states: { type: "array", minItems: 1, uniqueItems: true, items: { type: "string", enum: RETRIABLE } },
    confirm: { type: "boolean" },
  },
  required: ["states"],
  additionalProperties: false,
  examples: [{ states: ["failed"] }],
} as const;

interface TopicPath {
  Params: { id: string };
}

type Routed = Pick<Gateway, "sender" | "held" | "clock" | "settings"> & { store: Topics & Reader };

/** Adds `/v1/troubles` and, for one topic, `troubles`, `overview` and `retry`. */
export function failedMessageRoutes(app: FastifyInstance, routed: Routed): void {
  listRoute(app, routed);
  topicOverviewRoute(app, routed);
  topicListRoute(app, routed);
  retryRoute(app, routed);
}

function listRoute(app: FastifyInstance, { store }: Routed): void {
  app.get<{ Querystring: { limit: number } }>(
    "/v1/troubles",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listTroubles",
        summary: "Messages that failed or are in doubt, of every topic, newest first",
        querystring: query({ limit: LIMIT }),
        response: LIST_RESPONSE,
      },
    },
    async ({ query: { limit } }) => ({ troubles: (await store.failedMessages(null, limit)).map(factsOf) }),
  );
}

function topicOverviewRoute(app: FastifyInstance, gateway: Routed): void {
  app.get<TopicPath>(
    "/v1/topics/:id/overview",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getTopicOverview",
        summary: "One topic as the overview shows it, however old",
        params: TOPIC_PATH,
        response: { 200: { description: "done", ...TOPIC }, ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { id } }) => topicFacts(await requireTopic(gateway.store, id), gateway),
  );
}

function topicListRoute(app: FastifyInstance, { store }: Routed): void {
  app.get<TopicPath & { Querystring: { limit: number } }>(
    "/v1/topics/:id/troubles",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listTopicTroubles",
        summary: "Messages of a topic that failed or are in doubt, newest first",
        params: TOPIC_PATH,
        querystring: query({ limit: LIMIT }),
        response: LIST_RESPONSE,
      },
    },
    async ({ params: { id }, query: { limit } }) => {
      const { topic } = await requireTopic(store, id);
      return { troubles: (await store.failedMessages(topic, limit)).map(factsOf) };
    },
  );
}

function retryRoute(app: FastifyInstance, { store, sender }: Routed): void {
  app.post<TopicPath & { Body: { states: State[]; confirm?: boolean } }>(
    "/v1/topics/:id/retry",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "retryTopic",
        summary: "Puts messages of a topic back to pending",
        description: "`in_doubt` needs `confirm`: SES may have taken these mails, so somebody may get a second copy.",
        params: TOPIC_PATH,
        body: RETRY_BODY,
        response: {
          200: answer({ topic: { type: "string" }, retried: { type: "integer" }, totals: TOTALS }),
          ...REFUSALS,
          404: ERROR,
        },
      },
    },
    async ({ params: { id }, body: { states, confirm } }) => {
      if (states.includes("in_doubt") && confirm !== true)
        throw refusedField("confirm", 'messages in doubt may have arrived: retrying them needs "confirm": true');
      const { topic } = await requireTopic(store, id);
      const retried = await store.retry(topic, states);
      sender.wake();
      return { topic, retried, totals: await store.totals(topic) };
    },
  );
}

function factsOf({ topic, email, state, attempts, error }: FailedMessage): FailedMessageFacts {
  return { topic, email, state, attempts, error };
}
