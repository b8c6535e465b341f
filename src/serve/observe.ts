/** Reports requests to telemetry: the duration of each, and errors that are bugs. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { StoppedError } from "../errors.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { Refusal } from "./errors.ts";

/** The part of telemetry that hears of requests. */
export type Observer = Pick<Telemetry, "captureError" | "request">;

/** Tells the observer of each answered request, and of the error behind a 5xx answer when it is a bug. */
export function observeRequests(app: FastifyInstance, observer: Observer): void {
  // The status is not known yet when the error is, so keep the error until the answer.
  const errors = new WeakMap<FastifyRequest, Error>();
  app.addHook("onError", async (request, _reply, error) => void errors.set(request, error));
  app.addHook("onResponse", async (request, { statusCode: status, elapsedTime }) => {
    const facts = { method: request.method, route: request.routeOptions.url ?? null, status };
    observer.request({ ...facts, durationMs: elapsedTime });
    const error = errors.get(request);
    if (error !== undefined && status >= 500 && isBug(error)) observer.captureError(error, facts);
  });
}

/** A full disk or a missing setting is for the operator to mend, and no bug. */
function isBug(error: Error): boolean {
  return !(error instanceof StoppedError) && !(error instanceof Refusal);
}
