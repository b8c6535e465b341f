/** A local SES v2 endpoint: the HTTP server and its lifetime. */
import { randomUUID, type KeyObject } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { systemClock, type Clock } from "../time/clock.ts";
import { UserError } from "../errors.ts";
import { SandboxAccount } from "./account.ts";
import { errorResponse, SesError, type ApiResponse } from "./answer.ts";
import type { Backend } from "./backend.ts";
import { parseBody } from "./body.ts";
import { CallLog } from "./call-log.ts";
import { EventFeed, type NotificationSink } from "./event-feed.ts";
import { EventFile } from "./event-file.ts";
import { FaultPlan, type Fault } from "./faults.ts";
import { Outbox, type TopicOf } from "./outbox.ts";
import { findRoute } from "./routes.ts";
import { SendLimits } from "./send-limits.ts";
import { SuppressionList } from "./suppression-list.ts";
import { Webhook, type WebhookCounts, type WebhookOptions } from "./webhook.ts";

/** 40 MB: the largest message that SES v2 takes. */
const MAX_BODY_BYTES = 40 * 1024 * 1024;
/** Longer than any client keeps an idle connection, so that the server never closes one under a new call. */
const KEEP_ALIVE_MS = 120_000;
const SNS_TOPIC = /^arn:aws(?:-[a-z]+)*:sns:[a-z]+(?:-[a-z]+)+-\d+:\d{12}:[\w-]{1,256}$/;

/** What the sandbox plays, and where it writes. */
export interface SandboxOptions {
  /** 0 picks a free port. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Recipients per second, more than 0; fractions allowed. */
  rate: number;
  /** Recipients in any 24 hours; -1: unlimited. */
  quota: number;
  /** The least milliseconds that an answer takes. */
  latencyMs: number;
  /** The folder for the `.eml` files of accepted messages, created when missing. Null: none are kept. */
  outbox: string | null;
  /** Finds the topic of a mail: then each topic has a folder in the outbox, with pages to click through. Not set: it is flat. */
  topicOf?: TopicOf;
  /** Called when the outbox cannot take a mail. The call is answered with an error of the server. */
  onOutboxProblem?: (problem: Error) => void;
  /** The NDJSON file that events are appended to, in SNS envelopes. Null: none is written. */
  events: string | null;
  /** Where events are POSTed to, signed, as SNS does. Null, the default: nowhere. */
  webhook?: WebhookOptions | null;
  /**
   * The ARN of the SNS topic that publishes the events. Null, the default: `ses-events` of account 123456789012 in the
   * region of the call.
   */
  snsTopic?: string | null;
  /** Further places that events go to. */
  sinks?: readonly NotificationSink[];
  faults: Fault[];
  clock?: Clock;
  /** The NDJSON file that gets one line (`LoggedCall`) for each send call. Null, the default: none is written. */
  log?: string | null;
  /** Verified addresses and domains; null, the default: everything is verified. */
  verified?: string[] | null;
  /** Configuration sets besides `default`; null, the default: every name exists. */
  configurationSets?: string[] | null;
  /** True: no production access, so recipients must be verified, too. */
  sandboxAccount?: boolean;
  /** False: the account is paused. */
  sendingEnabled?: boolean;
  /** HEALTHY (the default), PROBATION or SHUTDOWN. */
  enforcement?: string;
  /** Milliseconds between the acceptance of a message and its events. Default 0. */
  eventDelayMs?: number;
  /** How often each event is published. Default 1. */
  eventCopies?: number;
  /** True: events are published out of order, the same way in every run. */
  eventShuffle?: boolean;
}

/** A sandbox that runs. */
export interface Sandbox {
  /** `http://127.0.0.1:8025`, the endpoint for an SES client. */
  url: string;
  port: number;
  /** Messages accepted since the start. */
  readonly accepted: number;
  /** What became of the events for the webhook, and the key they are signed with; null without a webhook. */
  readonly webhook: { readonly publicKey: KeyObject; readonly counts: Readonly<WebhookCounts> } | null;
  /** Recipients that the quota counts in the last 24 hours. */
  sentLast24Hours(): number;
  /**
   * Closes every connection, finishes what is being written, and publishes the events that wait. A webhook that takes
   * none delays it by five seconds. It may be called again. Rejects when events could not be written.
   */
  close(): Promise<void>;
}

/**
 * Starts a local SES v2 endpoint. Its wire format, error texts, limits and mailbox simulator are those of Amazon SES. A
 * request must have a signature, which is not verified. The `Date` header is always real, also with another clock,
 * because clients set their own clock by it.
 * @throws UserError for options that cannot work (port taken, folder not writable).
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const closing = new AbortController();
  // Every answer that waits adds a listener: many of them are no leak.
  setMaxListeners(0, closing.signal);
  const clock = options.clock ?? systemClock;
  const webhook = options.webhook ? await Webhook.open(options.webhook, clock) : null;
  const backend = await openBackend(options, { clock, webhook, closing: closing.signal });
  const calls = new Set<Promise<void>>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    const call = serve(request, response, backend, options.latencyMs).finally(() => calls.delete(call));
    calls.add(call);
  });
  const host = options.host ?? "127.0.0.1";
  try {
    await listen(server, options.port, host);
  } catch (error) {
    await closeFiles(backend);
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    closing.abort();
    await closeServer(server);
    // Accepted mails are still on their way into the outbox and the events.
    await Promise.all(calls);
    await closeFiles(backend);
  };
  let stopped: Promise<void> | null = null;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    webhook,
    get accepted() {
      return backend.accepted;
    },
    sentLast24Hours: () => backend.limits.sentLast24Hours(backend.clock.now()),
    close: () => (stopped ??= stop()),
  };
}

interface Surroundings {
  clock: Clock;
  webhook: Webhook | null;
  closing: AbortSignal;
}

async function openBackend(options: SandboxOptions, { clock, webhook, closing }: Surroundings): Promise<Backend> {
  if (!(options.rate > 0 && options.rate < Infinity)) {
    throw new UserError(`rate expects recipients per second, more than 0, got ${options.rate}`);
  }
  if (!Number.isInteger(options.quota) || options.quota < -1) {
    throw new UserError(
      `quota expects a whole number of recipients in 24 hours, or -1 for no limit, got ${options.quota}`,
    );
  }
  return {
    clock,
    account: new SandboxAccount({
      verified: options.verified ?? null,
      configurationSets: options.configurationSets ?? null,
      sandboxAccount: options.sandboxAccount ?? false,
      sendingEnabled: options.sendingEnabled ?? true,
      enforcement: options.enforcement ?? "HEALTHY",
    }),
    suppression: new SuppressionList(),
    templates: new Map(),
    limits: new SendLimits(options.rate, options.quota),
    rate: options.rate,
    quota: options.quota,
    faults: new FaultPlan(options.faults),
    outbox: options.outbox === null ? null : await Outbox.open(options.outbox, { topicOf: options.topicOf }),
    onOutboxProblem: options.onOutboxProblem ?? null,
    log: options.log ? new CallLog(options.log) : null,
    events: await openFeed(options, clock, webhook),
    room: async () => webhook?.room(),
    eventDelayMs: options.eventDelayMs ?? 0,
    closing,
    accepted: 0,
  };
}

/** Null when no events are wanted. */
async function openFeed(options: SandboxOptions, clock: Clock, webhook: Webhook | null): Promise<EventFeed | null> {
  const topicArn = options.snsTopic ?? null;
  if (topicArn !== null && !SNS_TOPIC.test(topicArn)) {
    throw new UserError(
      `the SNS topic expects an ARN, got ${JSON.stringify(topicArn)}`,
      "such as arn:aws:sns:us-east-1:123456789012:ses-events",
    );
  }
  const sinks: NotificationSink[] = webhook === null ? [] : [webhook];
  sinks.push(...(options.sinks ?? []));
  if (options.events !== null) sinks.push(await EventFile.open(options.events));
  if (sinks.length === 0) return null;
  return new EventFeed({
    clock,
    delayMs: options.eventDelayMs ?? 0,
    copies: options.eventCopies ?? 1,
    shuffle: options.eventShuffle ?? false,
    topicArn,
    sinks,
  });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "the port is taken" : error.message;
      reject(new UserError(`cannot listen on ${host}:${port}: ${reason}`, "give another port, or 0 for any free one"));
    });
    server.listen(port, host, resolve);
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  backend: Backend,
  latencyMs: number,
): Promise<void> {
  const bytes = await readBody(request).catch(() => null);
  // The client went away in the middle of its request, so there was no call.
  if (bytes === null) return;
  await backend.room();
  const reply = await answer(request, bytes, backend).catch(errorResponse);
  if (latencyMs > 0) await backend.clock.sleep(latencyMs, backend.closing);
  if (reply === "drop") request.socket.destroy();
  else if (reply !== "hang") write(response, reply);
}

/** Reads a body to its end even when it is too large: a client that is still sending would not see the answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | "too large"> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? "too large" : Buffer.concat(chunks);
}

async function answer(request: IncomingMessage, bytes: Buffer | "too large", backend: Backend) {
  const received = backend.clock.monotonic();
  const at = backend.clock.now();
  const url = new URL(`http://sandbox${(request.url ?? "/").replace(/^\/+/, "/")}`);
  const { operation, labels } = findRoute(request.method ?? "GET", url.pathname);
  const region = readRegion(request.headers.authorization);
  if (bytes === "too large") throw new SesError(413, "RequestEntityTooLargeException", "Request is larger than 40 MB.");
  const sourceIp = (request.socket.remoteAddress ?? "127.0.0.1").replace(/^::ffff:/, "");
  return operation(
    { labels, query: url.searchParams, body: parseBody(bytes), region, sourceIp, received, at },
    backend,
  );
}

/**
 * The region in a well-formed SigV4 header for SES.
 * @throws SesError MissingAuthenticationToken (403) for any other header.
 */
function readRegion(authorization: string | undefined): string {
  const scope = /^AWS4-HMAC-SHA256 Credential=[^/\s]+\/\d{8}\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request,/.exec(
    authorization ?? "",
  );
  const complete = /SignedHeaders=[a-z0-9;-]+,\s*Signature=[0-9a-f]{64}$/.test(authorization ?? "");
  if (!scope || !complete || scope[2] !== "ses") {
    throw new SesError(403, "MissingAuthenticationToken", "The request carries no AWS signature for the service ses.");
  }
  return scope[1]!;
}

function write(response: ServerResponse, reply: ApiResponse): void {
  const body = Buffer.from(JSON.stringify(reply.body));
  response.writeHead(reply.status, {
    "content-type": "application/json",
    "content-length": body.length,
    "x-amzn-RequestId": randomUUID(),
    ...(reply.errorType === null ? {} : { "x-amzn-ErrorType": reply.errorType }),
  });
  response.end(body);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function closeFiles({ events, log, outbox }: Backend): Promise<void> {
  log?.close();
  await outbox?.close();
  await events?.close();
}
