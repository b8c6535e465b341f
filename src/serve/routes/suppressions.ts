/** Addresses that are not written to: looking for one, adding some, removing one. */
import type { FastifyInstance } from "fastify";
import type { Suppressions } from "../../store/store.ts";
import { readAddresses } from "../addresses.ts";
import { answer, LIMIT, path, query, TAGS } from "../admin-schemas.ts";
import type { Found } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { AFTER, ERROR, NEXT, REFUSALS } from "../schemas.ts";
import { EVERYTHING_LIST } from "../../store/rules/suppress.ts";
import { stoppedBy } from "../../store/rules/scope.ts";
import { listAsked, STOPPED, SUPPRESSION, suppressionFacts } from "../suppression-facts.ts";

const MOST_EMAILS = 10_000;
/** Room for 10,000 of the longest addresses, in quotes. */
const SUPPRESS_BYTES = 4 * 1024 * 1024;

const SUPPRESS_BODY = {
  type: "object",
  properties: {
    emails: { type: "array", minItems: 1, maxItems: MOST_EMAILS, items: { type: "string", maxLength: 320 } },
    note: { type: "string", maxLength: 1_000 },
    ...STOPPED,
  },
  required: ["emails"],
  additionalProperties: false,
  examples: [{ emails: ["ann@example.com"], note: "asked by phone" }],
} as const;

interface Asked {
  scope?: string;
  list?: string;
}

/** Adds the routes under `/v1/suppressions`. */
export function suppressionRoutes(app: FastifyInstance, { store }: { store: Suppressions }): void {
  app.get<{ Querystring: { q: string; limit: number; after?: string } & Asked }>(
    "/v1/suppressions",
    {
      config: { access: "read" },
      schema: {
        ...TAGS,
        operationId: "listSuppressions",
        summary: "Suppressed addresses that contain `q`, newest first, page by page",
        description:
          "Whatever they are suppressed for, unless `list` or `scope` says less. `total` is how many entries there are in all.",
        querystring: query({
          q: { type: "string", maxLength: 320, default: "" },
          ...STOPPED,
          limit: LIMIT,
          after: AFTER,
        }),
        response: {
          200: answer({ suppressions: { type: "array", items: SUPPRESSION }, total: { type: "integer" }, next: NEXT }),
          ...REFUSALS,
        },
      },
    },
    async ({ query: { q, limit, after = null, ...asked } }): Promise<Found> => {
      const list = listAsked(asked);
      const { rows, next } = await store.searchSuppressions({ text: q.trim(), list, limit, after });
      return { suppressions: rows.map(suppressionFacts), total: await store.countSuppressions(), next };
    },
  );
  app.post<{ Body: { emails: string[]; note?: string } & Asked }>(
    "/v1/suppressions",
    {
      config: { access: "admin" },
      bodyLimit: SUPPRESS_BYTES,
      schema: {
        ...TAGS,
        operationId: "addSuppressions",
        summary: "Suppresses addresses: all of them, or none when one is no address",
        description: "For everything, unless `list` or `scope` says less.",
        body: SUPPRESS_BODY,
        response: { 200: answer({ added: { type: "integer" }, known: { type: "integer" } }), ...REFUSALS, 413: ERROR },
      },
    },
    async ({ body: { emails, note, ...asked } }) => {
      const list = listAsked(asked) ?? EVERYTHING_LIST;
      const detail = note?.trim() || null;
      const addresses = readAddresses(emails.map((email, index) => ({ path: `emails[${index}]`, email })));
      const entries = addresses.map((address) => ({ address, list, reason: "manual", source: "manual", detail }));
      const added = await store.suppress(entries);
      return { added, known: entries.length - added };
    },
  );
  app.delete<{ Params: { email: string }; Querystring: Asked }>(
    "/v1/suppressions/:email",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "removeSuppression",
        summary: "Lets an address be written to again",
        description: "Whatever it is suppressed for, unless `list` or `scope` names one entry.",
        params: path({ email: { type: "string", maxLength: 320 } }),
        querystring: query(STOPPED),
        response: { 200: answer({ removed: { type: "integer" } }), ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { email }, query: asked }) => {
      const list = listAsked(asked);
      const removed = await store.unsuppress([email], list);
      if (removed === 0) throw new Refusal(404, `${JSON.stringify(email)} is not suppressed${forWhat(list)}`);
      return { removed };
    },
  );
}

function forWhat(list: string | undefined): string {
  if (list === undefined) return "";
  const { scope, list: name } = stoppedBy(list);
  return scope === "list"
    ? ` for the list ${JSON.stringify(name)}`
    : ` for ${scope === "bulk" ? "all bulk mail" : scope}`;
}
