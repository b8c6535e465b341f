/** `/metrics` for Prometheus. The number of series is limited: none is named after a topic, an address or a path. */
import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from "prom-client";
import type { Run, Sender } from "../../deliver/sender.ts";
import { StoppedError } from "../../errors.ts";
import { STATES } from "../../message.ts";
import type { Store, Topics } from "../../store/store.ts";
import type { Gateway, InletStatus } from "../gateway.ts";

/** Upper bounds, in seconds. A pixel takes less than a millisecond, and a post with 10,000 addresses some hundred. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];
/** Reports are not counted further than this: a broker that is away for days leaves many. */
const MOST_REPORTS = 100_000;
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
  {
    run: "handedOver",
    name: "ses_mail_handed_over_total",
    help: "Messages a broker took for others to send, since the start",
  },
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
  store: Topics & Pick<Store, "countDead" | "countReports">;
  sender: Sender;
  inlets: Gateway["inlets"];
}

/** Adds the route, which needs the scope `read`, and measures all requests from then on. */
export function metricsRoutes(app: FastifyInstance, gateway: Measured): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const metric of mailMetrics(gateway)) registry.registerMetric(metric);
  if (gateway.inlets().length > 0) for (const metric of inletMetrics(gateway)) registry.registerMetric(metric);
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
  const dead = new Gauge({
    name: "ses_mail_dead_letters",
    help: "What brokers brought that could not be taken in, and nobody has dealt with",
    registers,
    async collect() {
      setOrReset(this, await store.countDead().catch(unlessAway));
    },
  });
  const outbox = new Gauge({
    name: "ses_mail_outbox",
    help: `What is still to be told to brokers of mail that they brought; counted up to ${MOST_REPORTS}`,
    registers,
    async collect() {
      setOrReset(this, await store.countReports(MOST_REPORTS).catch(unlessAway));
    },
  });
  return [messages, rate, halted, dead, outbox, ...RUN_COUNTERS.map((counter) => runCounter(counter, sender))];
}

function setOrReset(gauge: Gauge, value: number | null): void {
  // A gauge that was reset is told as 0, which would be wrong, so its only series is removed.
  if (value === null) gauge.remove();
  else gauge.set(value);
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

/** What an inlet counts, by the name of its metric. */
const INLET_COUNTERS = [
  {
    name: "ses_mail_inlet_accepted_total",
    help: "Messages taken in from a broker since the start",
    of: ({ accepted }: InletStatus["counts"]) => accepted,
  },
  {
    name: "ses_mail_inlet_duplicates_total",
    help: "Deliveries of a broker that were in the store already, since the start",
    of: ({ duplicates }: InletStatus["counts"]) => duplicates,
  },
] as const;

/** The inlets count. These only repeat their numbers. Reasons of dead letters are a few classes. */
function inletMetrics({ inlets }: Measured): Metric[] {
  const counters = INLET_COUNTERS.map(
    ({ name, help, of }) =>
      new Counter({
        name,
        help,
        labelNames: ["inlet"],
        registers,
        collect() {
          this.reset();
          for (const { kind: inlet, counts } of inlets()) this.inc({ inlet }, of(counts));
        },
      }),
  );
  const dead = new Counter({
    name: "ses_mail_inlet_dead_total",
    help: "Deliveries of a broker that became dead letters since the start",
    labelNames: ["inlet", "reason"],
    registers,
    collect() {
      this.reset();
      for (const { kind: inlet, counts } of inlets())
        for (const [reason, count] of counts.dead) this.inc({ inlet, reason }, count);
    },
  });
  const connected = new Gauge({
    name: "ses_mail_inlet_connected",
    help: "1 while the broker of an inlet can be reached",
    labelNames: ["inlet"],
    registers,
    collect() {
      for (const { kind: inlet, isConnected } of inlets()) this.set({ inlet }, isConnected ? 1 : 0);
    },
  });
  return [...counters, dead, connected];
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
