/** The overview: once, and as a stream. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createFailureLog } from "../failure-log.ts";
import type { FastifyInstance } from "fastify";
import { answer, LIMIT, query, TAGS, TEXT, TOPIC, TOTALS } from "../admin-schemas.ts";
import type { Overview } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { listTopics, OverviewFeed, readOverview } from "../overview.ts";
import { AFTER, COUNT, NEXT, object, REFUSALS } from "../schemas.ts";
import { isStillAllowed } from "../session.ts";

const OVERVIEW = answer({
  version: { type: "string" },
  endpoint: { type: "string" },
  sender: object({
    state: { type: "string", enum: ["idle", "sending", "halted", "stopped"] },
    reason: TEXT,
    hint: TEXT,
    per_second: { type: "number" },
    per_second_now: { type: "number" },
  }),
  account: {
    ...object({ quota: { type: ["integer", "null"] }, used: { type: "number" }, left: { type: ["number", "null"] } }),
    type: ["object", "null"],
  },
  totals: TOTALS,
  suppressions: COUNT,
  dead: { ...COUNT, description: "Dead letters: what inlets could not take in" },
  inlets: {
    type: "array",
    items: object({
      kind: { type: "string", enum: ["nats", "redis", "results"] },
      name: { type: "string", examples: ["nats messages/email-processor"] },
      connected: { type: "boolean" },
      accepted: COUNT,
      duplicates: COUNT,
      dead: COUNT,
    }),
    description: "The inlets of this process, with what they took in since it began",
  },
  topic_count: COUNT,
  topics: { type: "array", items: TOPIC },
});

/** What is asked of a list of topics. A name has 100 characters at most. */
const LIST_QUERY = query({
  q: { type: "string", maxLength: 100, default: "", description: "A part of the name, in any case" },
  waiting: { type: "boolean", default: false, description: "Only topics with mail that is pending" },
  limit: LIMIT,
  after: AFTER,
});

interface ListQuery {
  Querystring: { q: string; waiting: boolean; limit: number; after?: string };
}

/** Adds `/v1/overview`, `/v1/overview/topics` and `/v1/stream`. Streams end when the server closes. */
export function overviewRoutes(app: FastifyInstance, gateway: Gateway): void {
  snapshotRoutes(app, gateway);
  app.get<ListQuery>(
    "/v1/overview/topics",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listOverviewTopics",
        summary:
          "Topics as the overview shows them, newest first, page by page: all of them, or those with a text in their names",
        querystring: LIST_QUERY,
        response: { 200: answer({ topics: { type: "array", items: TOPIC }, next: NEXT }), ...REFUSALS },
      },
    },
    ({ query: { q, waiting, limit, after = null } }) =>
      listTopics(gateway, { named: q.trim(), waits: waiting, after, limit }),
  );
}

function snapshotRoutes(app: FastifyInstance, gateway: Gateway): void {
  const version = readVersion();
  const read = async (): Promise<Overview> => ({ version, ...(await readOverview(gateway)) });
  const feed = new OverviewFeed({
    clock: gateway.clock,
    read: async () => JSON.stringify(await read()),
    onProblem: createFailureLog(app.log, "the overview could not be read; tried again in a second"),
  });
  app.addHook("preClose", async () => feed.close());

  app.get(
    "/v1/overview",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getOverview",
        summary: "How things stand: sender, rate, quota, totals, the newest 50 topics",
        response: { 200: OVERVIEW, ...REFUSALS },
      },
    },
    read,
  );
  app.get(
    "/v1/stream",
    {
      config: { access: "read" },
      // HEAD would open a stream that nobody reads.
      exposeHeadRoute: false,
      schema: {
        ...TAGS,
        operationId: "getStream",
        summary: "The overview as server-sent events: at once, then each second in which it changed",
        response: { 200: { description: "text/event-stream of `overview` events", type: "string" }, ...REFUSALS },
      },
    },
    async (request, reply) => {
      const stream = await feed.listen(request.caller?.name ?? "", () => isStillAllowed(request));
      if (stream === null) throw new Refusal(503, "too many streams are open; close one");
      // However the request ends, the stream ends with it. The client may have gone while the snapshot was read.
      reply.raw.once("close", () => stream.destroy());
      if (request.raw.socket.destroyed) stream.destroy();
      return (
        reply
          .header("cache-control", "no-store")
          // Otherwise nginx holds events back until its buffer is full.
          .header("x-accel-buffering", "no")
          .type("text/event-stream")
          .serializer((payload: unknown) => payload as string)
          .send(stream)
      );
    },
  );
}

function readVersion(): string {
  const file = join(__dirname, "../../../package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
