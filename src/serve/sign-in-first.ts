import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { answerError } from "./errors.ts";

/** An error handler for pages that need a session: a browser without one is shown where to sign in, not JSON. */
export function toSignIn(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const wantsPage = request.headers.accept?.includes("text/html") === true;
  if (error.statusCode === 401 && wantsPage) void reply.header("cache-control", "no-store").redirect("/", 303);
  else answerError(error, request, reply);
}
