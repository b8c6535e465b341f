/** What the dashboard lives on, and whoever else runs the gateway: how things stand, and what a person does about it. */
import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { parseAddress } from "../../compose/address.ts";
import { STATES, type State } from "../../message.ts";
import type { Store, Suppression, TopicRow, Trouble } from "../../store/store.ts";
import type { Found, Overview, SuppressionFacts, TroubleFacts } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { OverviewFeed, readOverview, topicFacts } from "../overview.ts";
import { type Problem, Problems, summary } from "../problems.ts";
import { ERROR, REFUSALS } from "../schemas.ts";
import { isStillAllowed } from "../session.ts";

/** A page of addresses; `export` has them all. */
const LISTED = 50;
const MOST_LISTED = 1_000;
const MOST_EMAILS = 10_000;
/** 10,000 of the longest addresses, quoted, with room. */
const SUPPRESS_BYTES = 4 * 1024 * 1024;
const TEST_BYTES = 1024 * 1024;
const TAGS = { tags: ["admin"] };
const RETRIED = ["failed", "in_doubt", "cancelled", "suppressed"] as const;

export function adminRoutes(app: FastifyInstance, gateway: Gateway): void {
  overviewRoutes(app, gateway);
  troubleRoutes(app, gateway);
  suppressionRoutes(app, gateway);
  testRoute(app, gateway);
}

// How things stand ---------------------------------------------------------------------------------------------------

function overviewRoutes(app: FastifyInstance, gateway: Gateway): void {
  const version = readVersion();
  const read = async (): Promise<Overview> => ({ version, ...(await readOverview(gateway)) });
  const feed = new OverviewFeed({
    clock: gateway.clock,
    read: async () => JSON.stringify(await read()),
    onProblem: (error) => app.log.warn({ err: error }, "the overview could not be read; tried again in a second"),
  });
  app.addHook("preClose", async () => feed.close());

  app.get(
    "/v1/overview",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getOverview",
        summary: "How things stand: sender, rate, quota, totals, the newest 200 topics",
        response: { 200: OVERVIEW, ...REFUSALS },
      },
    },
    read,
  );
  app.get(
    "/v1/stream",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getStream",
        summary: "The overview as server-sent events: at once, then each second in which it changed",
        response: { 200: { description: "text/event-stream of `overview` events", type: "string" }, ...REFUSALS },
      },
    },
    async (request, reply) => {
      const stream = await feed.listen(() => isStillAllowed(request));
      if (stream === null) throw new Refusal(503, "too many streams are open; close one");
      return (
        reply
          .header("cache-control", "no-store")
          // nginx would hold events back until its buffer is full.
          .header("x-accel-buffering", "no")
          .type("text/event-stream")
          .serializer((payload: unknown) => payload as string)
          .send(stream)
      );
    },
  );
}

function readVersion(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

// What went wrong, and what to do about it ---------------------------------------------------------------------------

interface TopicPath {
  Params: { id: string };
}

function troubleRoutes(app: FastifyInstance, { store, sender, held }: Gateway): void {
  const response = { 200: answer({ troubles: { type: "array", items: TROUBLE } }), ...REFUSALS, 404: ERROR };
  app.get<{ Querystring: { limit: number } }>(
    "/v1/troubles",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listTroubles",
        summary: "Messages that failed or are in doubt, of every topic, newest first",
        querystring: query({ limit: LIMIT }),
        response,
      },
    },
    async ({ query: { limit } }) => ({ troubles: (await store.troubles(null, limit)).map(troubleFacts) }),
  );
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
    async ({ params: { id } }) => topicFacts(await requireTopic(store, id), held),
  );
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
        response,
      },
    },
    async ({ params: { id }, query: { limit } }) => {
      await requireTopic(store, id);
      return { troubles: (await store.troubles(id, limit)).map(troubleFacts) };
    },
  );
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
        throw new Refusal(400, 'messages in doubt may have arrived: retrying them needs "confirm": true');
      await requireTopic(store, id);
      const retried = await store.retry(id, states);
      sender.wake();
      return { topic: id, retried, totals: await store.totals(id) };
    },
  );
}

function troubleFacts({ topic, email, state, attempts, error }: Trouble): TroubleFacts {
  return { topic, email, state, attempts, error };
}

async function requireTopic(store: Store, id: string): Promise<TopicRow> {
  const topic = await store.topic(id);
  if (topic === null) throw new Refusal(404, `there is no topic ${JSON.stringify(id)}`);
  return topic;
}

// Whom nobody writes to ----------------------------------------------------------------------------------------------

function suppressionRoutes(app: FastifyInstance, { store }: Gateway): void {
  app.get<{ Querystring: { q: string; limit: number } }>(
    "/v1/suppressions",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listSuppressions",
        summary: "Suppressed addresses that contain `q`, in order of address",
        querystring: query({ q: { type: "string", maxLength: 320, default: "" }, limit: LIMIT }),
        response: {
          200: answer({ suppressions: { type: "array", items: SUPPRESSION }, total: { type: "integer" } }),
          ...REFUSALS,
        },
      },
    },
    async ({ query: { q, limit } }): Promise<Found> => ({
      suppressions: (await store.searchSuppressions(q.trim(), limit)).map(suppressionFacts),
      total: await store.countSuppressions(),
    }),
  );
  app.post<{ Body: { emails: string[]; note?: string } }>(
    "/v1/suppressions",
    {
      config: { access: "admin" },
      bodyLimit: SUPPRESS_BYTES,
      schema: {
        ...TAGS,
        operationId: "addSuppressions",
        summary: "Suppresses addresses: all of them, or none when one is no address",
        body: SUPPRESS_BODY,
        response: { 200: answer({ added: { type: "integer" }, known: { type: "integer" } }), ...REFUSALS, 413: ERROR },
      },
    },
    async ({ body: { emails, note } }) => {
      const detail = note?.trim() || null;
      const addresses = readAddresses(emails.map((email, index) => ({ path: `emails[${index}]`, email })));
      const entries = addresses.map((address) => ({ address, reason: "manual", source: "manual", detail }));
      const added = await store.suppress(entries);
      return { added, known: entries.length - added };
    },
  );
  app.delete<{ Params: { email: string } }>(
    "/v1/suppressions/:email",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "removeSuppression",
        summary: "Lets an address be written to again",
        params: path({ email: { type: "string", maxLength: 320 } }),
        response: { 200: answer({ removed: { type: "integer" } }), ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { email } }) => {
      const removed = await store.unsuppress([email]);
      if (removed === 0) throw new Refusal(404, `${JSON.stringify(email)} is not suppressed`);
      return { removed };
    },
  );
}

function suppressionFacts({ createdAt, ...rest }: Suppression): SuppressionFacts {
  return { ...rest, created_at: new Date(createdAt).toISOString() };
}

/** As they will be written to. Refuses all when one is no address. */
function readAddresses(given: readonly { path: string; email: string }[]): string[] {
  const problems = new Problems();
  const addresses: string[] = [];
  for (const { path, email } of given) {
    const parsed = parseAddress(email);
    if ("problem" in parsed) problems.add(path, parsed.problem);
    else addresses.push(parsed.address);
  }
  const found: Problem[] = problems.list();
  if (found.length > 0) throw new Refusal(400, summary(found, problems.count), found);
  return addresses;
}

// A test mail --------------------------------------------------------------------------------------------------------

function testRoute(app: FastifyInstance, gateway: Gateway): void {
  app.post<{ Body: { to: string; subject: string; html: string } }>(
    "/v1/test",
    {
      config: { access: "send" },
      bodyLimit: TEST_BYTES,
      schema: {
        ...TAGS,
        operationId: "sendTest",
        summary: "Sends one mail, ahead of all others, and waits for what SES says",
        body: TEST_BODY,
        response: { 200: answer({ ses_message_id: { type: "string" } }), ...REFUSALS, 422: ERROR },
      },
    },
    async ({ body: { to, subject, html } }) => {
      const [address = to] = readAddresses([{ path: "to", email: to }]);
      const result = await gateway.sendTest({ to: address, subject, html });
      // Not 5xx: proxies put pages of their own in the place of those.
      if ("problem" in result) throw new Refusal(422, result.problem);
      return { ses_message_id: result.sesMessageId };
    },
  );
}

// Schemas ------------------------------------------------------------------------------------------------------------

const LIMIT = { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED } as const;
const COUNT = { type: "integer" } as const;
const TIME = { type: ["string", "null"], format: "date-time" } as const;
const SHARE = { type: ["number", "null"] } as const;
const TEXT = { type: ["string", "null"] } as const;

function object(properties: Record<string, object>) {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false } as const;
}

function answer(properties: Record<string, object>) {
  return { description: "done", ...object(properties) };
}

function query(properties: Record<string, object>) {
  return { type: "object", properties, additionalProperties: false } as const;
}

const path = object;

const TOPIC_PATH = path({ id: { type: "string", minLength: 1, maxLength: 100 } });

const counts = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, COUNT]));
const TOTALS = object(counts(["total", ...STATES]));

const TROUBLE = object({
  topic: { type: "string" },
  email: { type: "string" },
  state: { type: "string", enum: STATES },
  attempts: COUNT,
  error: TEXT,
});

const SUPPRESSION = object({
  address: { type: "string" },
  reason: { type: "string" },
  source: { type: "string" },
  detail: TEXT,
  created_at: { type: "string", format: "date-time" },
});

const RETRY_BODY = {
  type: "object",
  properties: {
    states: { type: "array", minItems: 1, uniqueItems: true, items: { type: "string", enum: RETRIED } },
    confirm: { type: "boolean" },
  },
  required: ["states"],
  additionalProperties: false,
} as const;

const SUPPRESS_BODY = {
  type: "object",
  properties: {
    emails: { type: "array", minItems: 1, maxItems: MOST_EMAILS, items: { type: "string", maxLength: 320 } },
    note: { type: "string", maxLength: 1_000 },
  },
  required: ["emails"],
  additionalProperties: false,
} as const;

/** RFC 5322 §2.1.1: no line of a header is longer than 998 characters. No line breaks: they would end it. */
const TEST_BODY = {
  type: "object",
  properties: {
    to: { type: "string", minLength: 1, maxLength: 320 },
    subject: {
      type: "string",
      minLength: 1,
      maxLength: 998,
      pattern: "^[^\\u0000-\\u001f\\u007f]*\\S[^\\u0000-\\u001f\\u007f]*$",
    },
    html: { type: "string", minLength: 1, pattern: "\\S" },
  },
  required: ["to", "subject", "html"],
  additionalProperties: false,
} as const;

const TOPIC = object({
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
  topic_count: COUNT,
  topics: { type: "array", items: TOPIC },
});
