/**
 * `GET /v1/events/counts/sent`: how many messages were sent lately. What counts is when they were sent, not when they
 * came in.
 */
import type { FastifyInstance } from "fastify";
import type { Reader } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { refusedField } from "../errors.ts";
import { SENT_COUNT } from "../schemas.ts";

const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 24;
const MOST_HOURS = 168;

const QUERY = {
  type: "object",
  properties: {
    hours: { type: "integer", minimum: 1, maximum: MOST_HOURS, default: DEFAULT_HOURS },
  },
} as const;

/** Adds the route. `hours` is 1 to 168, and 24 when it is not given. */
export function sentCountRoutes(app: FastifyInstance, { store, clock }: { store: Reader; clock: Clock }): void {
  app.get<{ Querystring: { hours: number } }>(
    "/v1/events/counts/sent",
    {
      config: { access: "read" },
      // The error has the words that clients know.
      attachValidation: true,
      schema: {
        operationId: "countSent",
        summary: "Messages sent in the last hours",
        tags: ["events"],
        querystring: QUERY,
        response: { 200: SENT_COUNT },
      },
    },
    async ({ query: { hours }, validationError }) => {
      if (validationError) throw refusedField("hours", `hours must be between 1 and ${MOST_HOURS}`);
      const ms = hours * HOUR_MS;
      const since = new Date(clock.now() - ms).toISOString();
      return { count: await store.countSentWithin(ms), hours, since };
    },
  );
}
