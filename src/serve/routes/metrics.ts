/** `/metrics` for Prometheus. The number of series is limited: none is named after a topic, an address or a path. */
import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from "prom-client";
import type { Run, Sender } from "../../deliver/sender.ts";
import { StoppedError } from "../../errors.ts";
import { STATES } from "../../message.ts";
import type { Topics } from "../../store/store.ts";

/** Upper bounds, in seconds. A pixel takes less than a millisecond, and a post with 10,000 addresses some hundred. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];
/** Requests without a route share one series, so that strangers cannot make new ones by trying paths. */
const NO_ROUTE = "none";

interface RunCounter {
  run: keyof Run;
  name: string;
  help: string;
  /** What the count of the run is divided by; not set: nothing. */
  per?: number;
}

const RUN_COUNTERS: readonly RunCounter[] = [
  { run: "sent", name: "ses_mail_sent_total", help: "Messages SES accepted since the start" },
  { run: "failed", name: "ses_mail_failed_total", help: "Messages that failed for good since the start" },
  { run: "expired", name: "ses_mail_expired_total", help: "Messages cancelled because they expired, since the start" },
  { run: "inDoubt", name: "ses_mail_in_doubt_total", help: "Messages whose answer was lost since the start" },
  { run: "throttled", name: "ses_mail_throttled_total", help: "Calls SES throttled since the start" },
  { run: "retried", name: "ses_mail_retried_total", help: "Messages tried again since the start" },
  { run: "turns", name: "ses_mail_db_turns_total", help: "Turns that wrote answers and claimed mail since the start" },
  { run: "turnMs", name: "ses_mail_db_turn_seconds_total", help: "How long those turns took in all", per: 1_000 },
  { run: "returns", name: "ses_mail_db_reconnects_total", help: "How often the store came back since the start" },
];

interface Measured {
  store: Topics;
  sender: Sender;
}

/** Adds the route, which needs the scope `read`, and measures all requests from then on. */
export function metricsRoutes(app: FastifyInstance, gateway: Measured): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const metric of mailMetrics(gateway)) registry.registerMetric(metric);
  for (const metric of requestMetrics(app)) registry.registerMetric(metric);
  app.get(
    "/metrics",
    {
      config: { access: "read" },
      schema: {
        operationId: "metrics",
        summary: "Measurements for Prometheus",
        tags: ["operations"],
        response: {
          200: { description: "Prometheus text format", content: { "text/plain": { schema: { type: "string" } } } },
        },
      },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  );
}

/** Keeps metrics out of the registry of the process, in which several servers may run. */
const registers: Registry[] = [];

function mailMetrics({ store, sender }: Measured): Metric[] {
  const messages = new Gauge({
    name: "ses_mail_messages",
    help: "Messages by state",
    labelNames: ["state"],
    registers,
    async collect() {
      const totals = await store.totals(null).catch(unlessAway);
      if (totals === null) return this.reset();
      for (const state of STATES) this.set({ state }, totals[state]);
    },
  });
  const rate = new Gauge({
    name: "ses_mail_rate_per_second",
    help: "Recipients per second in force",
    registers,
    collect() {
      this.set(sender.status().perSecond);
    },
  });
  const halted = new Gauge({
    name: "ses_mail_sender_halted",
    help: "1 while sending waits for somebody to mend something",
    registers,
    collect() {
      this.set(sender.status().state === "halted" ? 1 : 0);
    },
  });
  return [messages, rate, halted, ...RUN_COUNTERS.map((counter) => runCounter(counter, sender))];
}

/** The other figures are worth having when the store cannot be asked, most of all that sending is halted. */
function unlessAway(error: unknown): null {
  if (error instanceof StoppedError) return null;
  throw error;
}

/** The sender counts. This only repeats its number. */
function runCounter({ run, name, help, per = 1 }: RunCounter, sender: Sender): Metric {
  return new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(sender.status().run[run] / per);
    },
  });
}

function requestMetrics(app: FastifyInstance): Metric[] {
  const requests = new Counter({
    name: "ses_mail_http_requests_total",
    help: "Requests answered",
    labelNames: ["method", "route", "status"] as const,
    registers,
  });
  const seconds = new Histogram({
    name: "ses_mail_http_request_seconds",
    help: "How long requests took",
    labelNames: ["method", "route"] as const,
    buckets: BUCKETS,
    registers,
  });
  app.addHook("onResponse", async (request, reply) => {
    const pattern = request.is404 ? undefined : request.routeOptions.url;
    // Where no route knows it, the method may be made up, too.
    const [method, route] = pattern === undefined ? [NO_ROUTE, NO_ROUTE] : [request.method, pattern];
    requests.inc({ method, route, status: reply.statusCode });
    seconds.observe({ method, route }, reply.elapsedTime / 1_000);
  });
  return [requests, seconds];
}
