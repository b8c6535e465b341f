/** For load balancers and supervisors: whether the process lives, and whether it can do its work. */
import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { HEALTHY, READY } from "../schemas.ts";

/** Adds `/health`, and `/ready`, which answers 503 when the store cannot be read or written. */
export function healthRoutes(
  app: FastifyInstance,
  { store, clock }: { store: Pick<Store, "ping">; clock: Clock },
): void {
  app.get(
    "/health",
    {
      config: { access: "open" },
      schema: { operationId: "health", summary: "The process lives", tags: ["operations"], response: { 200: HEALTHY } },
    },
    async () => ({ status: "ok", service: "ses-mail", time: new Date(clock.now()).toISOString() }),
  );
  app.get(
    "/ready",
    {
      config: { access: "open" },
      schema: {
        operationId: "ready",
        summary: "The job file can be read and written",
        tags: ["operations"],
        response: { 200: READY, 503: READY },
      },
    },
    async (request, reply) => {
      try {
        await store.ping();
        return { status: "ok", db: "connected" };
      } catch (error) {
        request.log.error({ err: error }, "the job file cannot be used");
        reply.code(503);
        return { status: "unavailable", db: "disconnected" };
      }
    },
  );
}
