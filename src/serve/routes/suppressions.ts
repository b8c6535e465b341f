/** Addresses that are not written to: looking for one, adding some, removing one. */
import type { FastifyInstance } from "fastify";
import type { Suppression } from "../../store/rows.ts";
import type { Suppressions } from "../../store/store.ts";
import { readAddresses } from "../addresses.ts";
import { answer, LIMIT, path, query, TAGS, TEXT } from "../admin-schemas.ts";
import type { Found, SuppressionFacts } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { ERROR, object, REFUSALS } from "../schemas.ts";

const MOST_EMAILS = 10_000;
/** Room for 10,000 of the longest addresses, in quotes. */
const SUPPRESS_BYTES = 4 * 1024 * 1024;

const SUPPRESSION = object({
  address: { type: "string" },
  reason: { type: "string" },
  source: { type: "string" },
  detail: TEXT,
  created_at: { type: "string", format: "date-time" },
  rehearsal: { type: "boolean", description: "A rehearsal made it, and it holds for rehearsals only" },
});

const SUPPRESS_BODY = {
  type: "object",
  properties: {
    emails: { type: "array", minItems: 1, maxItems: MOST_EMAILS, items: { type: "string", maxLength: 320 } },
    note: { type: "string", maxLength: 1_000 },
  },
  required: ["emails"],
  additionalProperties: false,
} as const;

/** Adds the routes under `/v1/suppressions`. */
export function suppressionRoutes(app: FastifyInstance, { store }: { store: Suppressions }): void {
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
