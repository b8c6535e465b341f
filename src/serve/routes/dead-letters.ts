/** `/v1/dead`: what inlets could not take in. It is looked at, taken in again, or dropped. */
import type { FastifyInstance } from "fastify";
import type { DeadLetter } from "../../store/rows.ts";
import type { DeadLetters } from "../../store/store.ts";
import { answer, LIMIT, path, query, TAGS, TEXT } from "../admin-schemas.ts";
import type { DeadLetterDetail, DeadPage } from "../dashboard/wire.ts";
import { deadDetail, deadFacts } from "../dead-facts.ts";
import { Refusal, refusedField } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { AFTER, COUNT, ERROR, INSTANT, NEXT, object, REFUSALS } from "../schemas.ts";
import { createTurns } from "../turns.ts";

const FIELDS = {
  id: { type: "integer" },
  source: { type: "string", enum: ["nats", "redis", "results"], description: "The inlet that it came from" },
  origin: { type: "string", description: "Names the delivery in its broker", examples: ["messages#4211"] },
  reason: { type: "string", description: "Why it could not be taken in" },
  times: { ...COUNT, description: "How often it came" },
  received_at: { ...INSTANT, description: "When it came first" },
  bytes: { ...COUNT, description: "The length of its body" },
};

const DETAIL = {
  ...FIELDS,
  last_at: { ...INSTANT, description: "When it came last" },
  extras: { ...TEXT, description: "What came beside the body: the header Ses-Mail-Extras of NATS" },
  payload: object(
    {
      format: { type: "string", enum: ["MessagePack", "JSON", "text", "bytes"] },
      fields: {
        type: "array",
        items: object({ name: { type: "string" }, text: { type: "string" } }),
        description: "At most 100, with 100,000 characters together",
      },
      cut: { type: "boolean", description: "The fields do not hold all of it" },
    },
    "The body as people read it. Nothing in it is escaped",
  ),
  body: { ...TEXT, description: "The bytes in base64; null: they were not asked for" },
};

/** A body may have 10 MB, and three times as much is in hand while an answer is made of it. */
const MOST_WAITING = 20;

interface One {
  Params: { id: string };
}

type Routed = Pick<Gateway, "retryDead"> & { store: DeadLetters };

/** Adds the routes. */
export function deadLetterRoutes(app: FastifyInstance, routed: Routed): void {
  listRoute(app, routed);
  detailRoute(app, routed);
  retryRoute(app, routed);
  dropRoute(app, routed);
}

function listRoute(app: FastifyInstance, { store }: Routed): void {
  app.get<{ Querystring: { limit: number; after?: string } }>(
    "/v1/dead",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listDeadLetters",
        summary: "What inlets could not take in, newest first, page by page",
        querystring: query({ limit: LIMIT, after: AFTER }),
        response: {
          200: answer({ dead: { type: "array", items: object(FIELDS) }, total: COUNT, next: NEXT }),
          ...REFUSALS,
        },
      },
    },
    async ({ query: { limit, after } }): Promise<DeadPage> => {
      const before = after === undefined ? null : idIn(after);
      if (after !== undefined && before === null) throw refusedField("after", "after expects next of the page before");
      const rows = await store.deadLetters({ before, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next = rows.length > limit && last !== undefined ? String(last.id) : null;
      return { dead: page.map(deadFacts), total: await store.countDead(), next };
    },
  );
}

function detailRoute(app: FastifyInstance, { store }: Routed): void {
  const turns = createTurns(MOST_WAITING);
  app.get<One & { Querystring: { bytes: boolean } }>(
    "/v1/dead/:id",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "getDeadLetter",
        summary: "A dead letter with its body: as people read it, and its bytes",
        params: DEAD_PATH,
        querystring: query({ bytes: { type: "boolean", default: true, description: "false: leave `body` out" } }),
        response: { 200: answer(DETAIL), ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { id }, query: { bytes } }): Promise<DeadLetterDetail> => {
      const read = async () => deadDetail(await requireDead(store, id), bytes);
      const taken = await turns.take(read);
      if (taken === null) throw new Refusal(503, "too many dead letters are being read: try again");
      return taken.value;
    },
  );
}

function retryRoute(app: FastifyInstance, { retryDead }: Routed): void {
  app.post<One>(
    "/v1/dead/:id/retry",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "retryDeadLetter",
        summary: "Takes a dead letter in again, as its inlet would",
        description:
          "For a reason that is gone by now, such as a template that was missing. `duplicate`: the same mail had been taken in before, and nothing was added.",
        params: DEAD_PATH,
        response: {
          200: answer({ id: { type: "integer" }, result: { type: "string", enum: ["accepted", "duplicate"] } }),
          ...REFUSALS,
          404: ERROR,
          422: { ...ERROR, description: "It cannot be taken in yet, and stays; `error` says why." },
        },
      },
    },
    async ({ params }) => {
      const id = idIn(params.id);
      const result = id === null ? null : await retryDead(id);
      if (id === null || result === null) throw unknown(params.id);
      if (typeof result === "object") throw new Refusal(422, result.dead);
      return { id, result };
    },
  );
}

function dropRoute(app: FastifyInstance, { store }: Routed): void {
  app.delete<One>(
    "/v1/dead/:id",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "dropDeadLetter",
        summary: "Drops a dead letter for good",
        params: DEAD_PATH,
        response: { 200: answer({ id: { type: "integer" }, dropped: { type: "boolean" } }), ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params }) => {
      const id = idIn(params.id);
      if (id === null || (await store.dropDead([id])) === 0) throw unknown(params.id);
      return { id, dropped: true };
    },
  );
}

const DEAD_PATH = path({ id: { type: "string", description: "The dead letter's id", examples: ["1"] } });

/** Ids begin with 1. Null: it cannot be one. */
function idIn(text: string): number | null {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

async function requireDead(store: DeadLetters, text: string): Promise<DeadLetter> {
  const id = idIn(text);
  const found = id === null ? null : await store.deadLetter(id);
  if (found === null) throw unknown(text);
  return found;
}

function unknown(id: string): Refusal {
  return new Refusal(404, `there is no dead letter ${JSON.stringify(id)}`);
}
