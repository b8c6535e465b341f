/** The log of requests. It never holds a query string, header, body, key, token or address of a recipient. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from "fastify";
import { pino } from "pino";
import { prettyStream } from "./pretty-log.ts";

/** Where a log goes. */
export type LogStream = NodeJS.WritableStream & { isTTY?: boolean };

/** A logger that writes lines of JSON to `stream`, or lines for people when that is a terminal. `level` is one of pino's. */
export function createLog(stream: LogStream, level: string): FastifyBaseLogger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorFields } },
    stream.isTTY ? prettyStream(stream) : stream,
  );
}

/** Only these fields: libraries hang whole requests and packets on their errors. */
function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  return { type: name, message, stack, ...("code" in error && { code: error.code }) };
}

/** Logs a line for each answer, at debug level. */
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

/** The pattern of the route. The path itself may hold an address, or a token as good as a key. */
function pathOf(request: FastifyRequest): string {
  const pattern = request.is404 ? undefined : request.routeOptions.url;
  if (pattern !== undefined) return pattern;
  const path = request.url.split("?", 1)[0] ?? "";
  return HARMLESS.test(path) ? path : "(not shown)";
}

/**
 * Paths without a route that may be logged. They show a client's mistake; none has room for an address or is near the
 * routes of links.
 */
const HARMLESS = /^(?!.*\/[uc]\/)(\/[A-Za-z0-9_.-]{1,30}){1,6}\/?$/;
