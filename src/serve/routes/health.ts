/** For load balancers and supervisors: whether the process lives, and whether it can do its work. */
import type { FastifyInstance } from "fastify";
import type { Sender } from "../../deliver/sender.ts";
import type { Store } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { withinLimit } from "../../time/time-limit.ts";
import type { Gateway, InletStatus } from "../gateway.ts";
import { HEALTHY, READY } from "../schemas.ts";

/** `/ready` answers 503 when the store has not answered by then: load balancers do not wait much longer. */
const STORE_MS = 3_000;

/** What the routes ask. */
interface Asked {
  store: Pick<Store, "ping">;
  sender: Pick<Sender, "status">;
  inlets: Gateway["inlets"];
  clock: Clock;
}

/**
 * Adds `/health`, and `/ready`, which answers 503 when the store cannot be read or written. Trouble with SES or a broker is told, but
 * mail can still be taken in, and what is in the store leaves, so the answer stays 200 then.
 */
export function healthRoutes(app: FastifyInstance, { store, sender, inlets, clock }: Asked): void {
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
        summary: "The store can be read and written; and whether mail gets through",
        tags: ["operations"],
        response: { 200: READY, 503: READY },
      },
    },
    async (request, reply) => {
      try {
        await withinLimit({ ms: STORE_MS }, () => store.ping());
        return { status: "ok", db: "connected", ...sendingOf(sender), ...brokersOf(inlets()) };
      } catch (error) {
        request.log.error({ err: error }, "the store cannot be used");
        reply.code(503);
        return { status: "unavailable", db: "disconnected", ...sendingOf(sender), ...brokersOf(inlets()) };
      }
    },
  );
}

function sendingOf(sender: Pick<Sender, "status">): { sending: "ok" | "halted"; reason: string | null } {
  const { state, reason } = sender.status();
  return { sending: state === "halted" ? "halted" : "ok", reason };
}

/** Nothing where there are no brokers: who asks for none needs no word of them. */
function brokersOf(inlets: readonly InletStatus[]): { inlets?: Record<string, "connected" | "away"> } {
  if (inlets.length === 0) return {};
  const states = inlets.map(({ kind, isConnected }) => [kind, isConnected ? "connected" : "away"] as const);
  return { inlets: Object.fromEntries(states) };
}
