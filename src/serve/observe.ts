/** Tells receivers outside what requests came to: durations of all, and the errors that are ours. */
import type { FastifyInstance } from "fastify";
import { StoppedError } from "../errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";

export type Observer = Pick<Telemetry, "captureError" | "request">;

export function observeRequests(app: FastifyInstance, observer: Observer): void {
  app.addHook("onError", async ({ method, routeOptions }, reply, error) => {
    const status = reply.statusCode;
    // A full disk is for the operator to mend, not a bug to look into.
    if (status >= 500 && !(error instanceof StoppedError))
      observer.captureError(error, { method, route: routeOptions.url ?? null, status });
  });
  app.addHook("onResponse", async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    observer.request({ method, route: routeOptions.url ?? null, status: statusCode, durationMs: elapsedTime });
  });
}
