/** Addresses that are not written to: looking for one, adding some, removing one. */
import type { FastifyInstance } from "fastify";
import type { Suppressions } from "../../store/store.ts";
import { readAddresses } from "../addresses.ts";
import { answer, LIMIT, path, query, TAGS } from "../admin-schemas.ts";
import type { Found } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { AFTER, ERROR, NEXT, REFUSALS } from "../schemas.ts";
import { SUPPRESSION, suppressionFacts } from "../suppression-facts.ts";

const MOST_EMAILS = 10_000;
/** Room for 10,000 of the longest addresses, in quotes. */
const SUPPRESS_BYTES = 4 * 1024 * 1024;

const SUPPRESS_BODY = {
  type: "object",
  properties: {
    emails: { type: "array", minItems: 1, maxItems: MOST_EMAILS, items: { type: "string", maxLength: 320 } },
    note: { type: "string", maxLength: 1_000 },
  },
  required: ["emails"],
  additionalProperties: false,
  examples: [{ emails: ["ann@example.com"], note: "asked by phone" }],
} as const;

/** Adds the routes under `/v1/suppressions`. */
export function suppressionRoutes(app: FastifyInstance, { store }: { store: Suppressions }): void {
  app.get<{ Querystring: { q: string; limit: number; after?: string } }>(
    "/v1/suppressions",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listSuppressions",
        summary: "Suppressed addresses that contain `q`, newest first, page by page",
        querystring: query({ q: { type: "string", maxLength: 320, default: "" }, limit: LIMIT, after: AFTER }),
        response: {
          200: answer({ suppressions: { type: "array", items: SUPPRESSION }, total: { type: "integer" }, next: NEXT }),
          ...REFUSALS,
        },
      },
    },
    async ({ query: { q, limit, after = null } }): Promise<Found> => {
      const { rows, next } = await store.searchSuppressions({ text: q.trim(), limit, after });
      return { suppressions: rows.map(suppressionFacts), total: await store.countSuppressions(), next };
    },
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
