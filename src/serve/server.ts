/** The HTTP server: guards first, then the routes. A route that is not declared open needs a key. */
import type { Socket } from "node:net";
import { randomBytes } from "node:crypto";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import Fastify, { type FastifyInstance, LogController, type RouteOptions } from "fastify";
import { createTemplateShelf } from "../intake/templates.ts";
import { createKeyRing, guardRoutes } from "./auth.ts";
import { answerError, answerUnknown, errorBody } from "./errors.ts";
import { BODY_LIMITS, type BodyLimits, limitBodies } from "./bodies.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, shareConnections } from "./connections.ts";
import type { Gateway } from "./gateway.ts";
import { readJson } from "./json-body.ts";
import { type Observer, observeRequests } from "./observe.ts";
import { createLog, logRequests, type LogStream } from "./request-log.ts";
import { dashboardRoutes } from "./routes/dashboard.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { DOCS_PATH, documentationRoutes, listenForRoutes } from "./routes/documentation.ts";
import { sentCountRoutes } from "./routes/events-sent.ts";
import { healthRoutes } from "./routes/health.ts";
import { messageLookupRoutes } from "./routes/message-lookup.ts";
import { messageRoutes } from "./routes/messages.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { previewRoutes } from "./routes/previews.ts";
import { reportRoutes } from "./routes/reports.ts";
import { snsRoutes } from "./routes/sns.ts";
import { suppressionRoutes } from "./routes/suppressions.ts";
import { templateRoutes } from "./routes/templates.ts";
import { testMailRoute } from "./routes/test-mail.ts";
import { topicRoutes } from "./routes/topics.ts";
import { failedMessageRoutes } from "./routes/failed-messages.ts";
import { trackingRoutes } from "./routes/tracking.ts";
import { endUnusedConnections } from "./unused-connections.ts";
import { recogniseSessions } from "./session.ts";
import { buildValidator } from "./validator.ts";

/**
 * Who may use a route: anybody (`open`), or callers with this scope. The server is not built when a route does not say
 * it.
 */
type Access = "open" | "send" | "read" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    access?: Access;
  }
}

/** How the server logs, what its limits are, and who hears of its requests. */
export interface ServerOptions {
  /** Where the log goes, as lines of JSON. */
  stream: LogStream;
  /** One of pino's levels. Requests are logged at `debug`, our own faults at `error`. */
  level: string;
  timeouts?: Partial<Timeouts>;
  /** Hears how each request ended. */
  observer?: Observer;
  /** Most requests to open routes from one address in a minute; default 6,000. */
  openPerMinute?: number;
  bodies?: Partial<BodyLimits>;
  connections?: Partial<ConnectionLimits>;
}

interface Timeouts {
  /** A client that has not sent its headers by then is cut off, ms. */
  headersMs: number;
  /** The same for the whole request. */
  requestMs: number;
  /** How often both are checked, ms. */
  checkEveryMs: number;
}

const TIMEOUTS: Timeouts = { headersMs: 15_000, requestMs: 60_000, checkEveryMs: 1_000 };
/**
 * Longer than load balancers keep an idle connection (AWS: 60 s). Otherwise one could send a request on a connection
 * that we are just closing.
 */
const KEEP_ALIVE_MS = 72_000;
/** A connection on which nothing moves for this long is ended. */
const IDLE_MS = 120_000;
const MOST_HEADER_BYTES = 16 * 1024;
/** Bytes of a body, for routes that set no limit of their own. */
const BODY_LIMIT = 1024 * 1024;
/** Characters of a path parameter. A topic of 100 characters may take 1,200 when it is percent-encoded. */
const MOST_PARAM = 4_096;
/** Image proxies of mail providers fetch for many readers from one address. */
const OPEN_PER_MINUTE = 6_000;
/** Amazon SNS comes in bursts and is known by its signature. Health checks must always be answered. */
const UNLIMITED = new Set(["/v1/events/results", "/health", "/ready"]);

/**
 * Builds the server, ready to `listen` or `inject`. Its `close()` lets requests under way finish and refuses new ones.
 * Rejects when a route does not say who may use it.
 */
export async function buildServer(gateway: Gateway, options: ServerOptions): Promise<FastifyInstance> {
  const app = createServer(gateway, options);
  guard(app, gateway, options);
  await app.register(helmet, helmetOptions(gateway));
  await app.register(rateLimit, { global: false });
  refuseUnknown(app, options);
  await recogniseSessions(app, gateway);
  guardRoutes(app);
  await addRoutes(app, gateway);
  await app.ready();
  return app;
}

async function addRoutes(app: FastifyInstance, gateway: Gateway): Promise<void> {
  const shelf = createTemplateShelf(gateway.store);
  await listenForRoutes(app);
  await documentationRoutes(app);
  // Before the routes that follow: its hook has to hear of their answers.
  metricsRoutes(app, gateway);
  healthRoutes(app, gateway);
  await messageRoutes(app, gateway, shelf);
  messageLookupRoutes(app, gateway);
  topicRoutes(app, gateway);
  sentCountRoutes(app, gateway);
  await snsRoutes(app, gateway);
  await trackingRoutes(app, gateway);
  overviewRoutes(app, gateway);
  failedMessageRoutes(app, gateway);
  previewRoutes(app, gateway);
  reportRoutes(app, gateway);
  suppressionRoutes(app, gateway);
  deadLetterRoutes(app, gateway);
  templateRoutes(app, { store: gateway.store, settings: gateway.settings, shelf });
  testMailRoute(app, gateway);
  await dashboardRoutes(app, gateway);
}

function createServer({ settings }: Gateway, options: ServerOptions): FastifyInstance {
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const app = Fastify({
    loggerInstance: createLog(options.stream, options.level),
    // `logRequests` says less.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIds(),
    // One hop. What stands further left in X-Forwarded-For was written by the client.
    trustProxy: settings.trustProxy ? (_address, hop) => hop === 0 : false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: IDLE_MS,
    http: {
      headersTimeout: timeouts.headersMs,
      connectionsCheckingInterval: timeouts.checkEveryMs,
      maxHeaderSize: MOST_HEADER_BYTES,
    },
    routerOptions: { maxParamLength: MOST_PARAM },
    schemaController: { compilersFactory: { buildValidator } },
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    clientErrorHandler: answerBrokenRequest,
  });
  endUnusedConnections(app);
  return app;
}

/**
 * A random prefix for this process, and a counter. Random bytes for each request would be a twentieth of what an open
 * costs.
 */
function requestIds(): () => string {
  const prefix = randomBytes(5).toString("hex");
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}

function guard(app: FastifyInstance, gateway: Gateway, options: ServerOptions): void {
  const rateLimit = openLimit(options);
  app.decorateRequest("caller", null);
  app.decorate("keys", createKeyRing(gateway));
  app.addHook("onRoute", (route) => {
    // The library of the documentation page makes routes of its own.
    if (`${route.url}/`.startsWith(`${DOCS_PATH}/`)) route.config = { ...route.config, access: "open" };
    refuseUnguarded(route);
    const { config } = route;
    if (config?.access === "open" && config.rateLimit === undefined && !UNLIMITED.has(route.url))
      route.config = { ...config, rateLimit };
  });
  // Before all others that have hooks: nothing is done for a request whose connection was ended.
  shareConnections(app, gateway.settings.trustProxy, { ...CONNECTION_LIMITS, ...options.connections });
  logRequests(app);
  if (options.observer) observeRequests(app, options.observer);
  endConnections(app);
  limitBodies(app, { ...BODY_LIMITS, ...options.bodies });
  app.setErrorHandler(answerError);
  app.removeAllContentTypeParsers();
  readJson(app, "application/json");
}

/** Answers requests without a route before their bodies come. */
function refuseUnknown(app: FastifyInstance, options: ServerOptions): void {
  const limit = app.rateLimit(openLimit(options));
  app.addHook("onRequest", async (request, reply) => {
    if (!request.is404) return;
    await limit.call(app, request, reply);
    return answerUnknown(request, reply);
  });
}

/**
 * While the server closes, each answer ends its connection. Otherwise the server would wait for the client's next
 * request.
 */
function endConnections(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", async () => void (closing = true));
  app.addHook("onSend", async (_request, reply) => {
    if (closing) reply.header("connection", "close");
  });
}

function openLimit({ openPerMinute }: ServerOptions): { max: number; timeWindow: number } {
  return { max: openPerMinute ?? OPEN_PER_MINUTE, timeWindow: 60_000 };
}

/** A hook that hears of every route. Throws when a route does not say who may use it. */
export function refuseUnguarded({ method, url, config }: RouteOptions): void {
  if (config?.access === undefined) throw new Error(`${String(method)} ${url} does not say who may use it`);
}

function helmetOptions({ settings }: Gateway) {
  return {
    // An answer of the API must neither run nor be framed. Pages set a policy of their own.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
    },
    xFrameOptions: { action: "deny" as const },
    // Browsers heed it only over https. Other services under the domain are not ours to decide about.
    strictTransportSecurity:
      settings.baseUrl?.startsWith("https:") === true ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  };
}

/** Answers a client that does not speak HTTP or is too slow. There is no request yet, only a connection to end. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  const status = STATUS_OF[error.code ?? ""] ?? "400 Bad Request";
  const body = JSON.stringify(errorBody(Number(status.slice(0, 3)), status.slice(4).toLowerCase()));
  if (socket.writable && error.code !== "ECONNRESET") {
    const head = `content-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close`;
    socket.write(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}

const STATUS_OF: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};
