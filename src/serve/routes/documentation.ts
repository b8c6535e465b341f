/** `/openapi.json`, made from the schemas of the routes, and a page to read it at `/docs`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { ERROR, REFUSALS } from "../schemas.ts";

/** Path of the documentation page; its files are below it. */
export const DOCS_PATH = "/docs";

const DESCRIPTION =
  "Mail in over HTTP, out through Amazon SES. What was answered is stored durably and sent once. Drop-in for clients of " +
  "its older relatives: both spellings of topic_id and scheduled_at are taken, and answers carry the fields of all of them.";

/** What the guards and the error handler may answer on any route. */
const OPEN = { security: [], response: { 429: ERROR, 500: ERROR } };
const GUARDED = {
  security: [{ "x-api-key": [] }, { bearer: [] }],
  response: REFUSALS,
};

/** Collects the schemas of routes that are added from now on. */
export async function listenForRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "ses-mail", version: "1", description: DESCRIPTION },
      // The page shows them in this order.
      tags: ["messages", "topics", "events", "links", "admin", "operations"].map((name) => ({ name })),
      components: {
        securitySchemes: {
          "x-api-key": { type: "apiKey", in: "header", name: "x-api-key" },
          bearer: { type: "http", scheme: "bearer" },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const { access } = route.config ?? {};
      const guard = access === "open" ? OPEN : { ...GUARDED, "x-scope": access };
      const response = described({ ...guard.response, ...(schema?.response as object) });
      return { schema: { ...guard, ...schema, response }, url };
    },
  });
}

/** What an error with this status says. */
const MEANINGS: Record<string, string> = {
  400: "The request is not valid; `problems` name what is wrong. Nothing was done.",
  401: "There is no API key, or it is not valid. Nothing was done.",
  403: "The API key may not do this, or the sender is not one that is trusted. Nothing was done.",
  404: "There is no such topic, message, dead letter, address or link. Nothing was done.",
  409: "This Idempotency-Key was used for another request. Nothing was done.",
  413: "The body is larger than this route takes. Nothing was done.",
  415: "The body is of another type, or it is compressed. Nothing was done.",
  422: "The mail was not sent, or not yet; `error` says why.",
  429: "Too many requests or wrong keys from this address; `retry-after` says how many seconds to wait. Nothing was done.",
  500: "A fault of the gateway, which its log explains under the id in `error`. Whether anything was done is not known.",
  503:
    "The gateway cannot do it now: the store cannot be written, too much comes at once, or no sender is configured. " +
    "Nothing was stored; try again after `retry-after` seconds.",
};

/** Says of each error what its status means. */
function described(responses: Record<string, object>): Record<string, object> {
  const entries = Object.entries(responses).map(([status, response]): [string, object] => {
    const meaning = MEANINGS[status];
    const saysMore = "description" in response && response.description !== ERROR.description;
    return [status, meaning === undefined || saysMore ? response : { ...response, description: meaning }];
  });
  return Object.fromEntries(entries);
}

/** Adds `/openapi.json` and the page. Both are open. Call `listenForRoutes` first. */
export async function documentationRoutes(app: FastifyInstance): Promise<void> {
  // Made once, and one buffer for all answers: anybody may ask for it, and need not read the answer.
  let made: Buffer | undefined;
  app.get("/openapi.json", { config: { access: "open" }, schema: { hide: true } }, (_request, reply) => {
    made ??= Buffer.from(JSON.stringify(app.swagger()));
    return reply.type("application/json; charset=utf-8").send(made);
  });
  const icon = readFileSync(join(__dirname, "../dashboard/icon.svg"));
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    logo: { type: "image/svg+xml", content: icon, href: "/" },
    theme: {
      title: "ses-mail",
      favicon: [{ filename: "icon.svg", rel: "icon", type: "image/svg+xml", sizes: "any", content: icon }],
    },
    // The badge of swagger.io would be an external request.
    uiConfig: { validatorUrl: null },
    // The page's own library writes styles inline, but no scripts.
    staticCSP: {
      "default-src": ["'none'"],
      "script-src": ["'self'"],
      "style-src": ["'self'", "'unsafe-inline'"],
      "img-src": ["'self'", "data:"],
      "connect-src": ["'self'"],
      "base-uri": ["'none'"],
      "form-action": ["'none'"],
      "frame-ancestors": ["'none'"],
    },
  });
}
