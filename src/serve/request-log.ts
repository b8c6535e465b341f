/** What the log says of requests: never a query string, header, body, key, token or address of a recipient. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from "fastify";
import { pino } from "pino";

/** Lines of JSON on `stream`; `level` is one of pino's. */
export function createLog(stream: NodeJS.WritableStream, level: string): FastifyBaseLogger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorFields } },
    stream,
  );
}

/** Only these: libraries hang whole requests and packets on their errors. */
function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  return { type: name, message, stack, ...("code" in error && { code: error.code }) };
}

/** A line for each answer, at debug level. */
export function logRequests(app: FastifyInstance): void {
  app.addHook("onResponse", async (request, reply) => {
    request.log.debug(
      {
        method: request.method,
        path: pathOf(request),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        address: request.ip,
      },
      "answered",
    );
  });
}

/** Tokens of links are as good as keys to what they lead to, so their routes are named by pattern. */
function pathOf(request: FastifyRequest): string {
  const pattern = request.routeOptions.url;
  if (pattern?.includes(":token")) return pattern;
  const path = request.url.split("?", 1)[0] ?? "";
  return /^\/+[uc]\//.test(path) ? `${path.slice(0, path.indexOf("/", 2) + 1)}…` : path;
}
