/** Tells receivers outside what requests came to: durations of all, and the errors that are ours. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { StoppedError } from "../errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { Refusal } from "./errors.ts";

export type Observer = Pick<Telemetry, "captureError" | "request">;

export function observeRequests(app: FastifyInstance, observer: Observer): void {
  // When an error is heard of, it is not decided yet what it is answered with.
  const errors = new WeakMap<FastifyRequest, Error>();
  app.addHook("onError", async (request, _reply, error) => void errors.set(request, error));
  app.addHook("onResponse", async (request, { statusCode: status, elapsedTime }) => {
    const facts = { method: request.method, route: request.routeOptions.url ?? null, status };
    observer.request({ ...facts, durationMs: elapsedTime });
    const error = errors.get(request);
    if (error !== undefined && status >= 500 && isBug(error)) observer.captureError(error, facts);
  });
}

/** A full disk or a missing setting is for the operator to mend, nothing to look into. */
function isBug(error: Error): boolean {
  return !(error instanceof StoppedError) && !(error instanceof Refusal);
}
