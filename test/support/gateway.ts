/** The gateway inside the test's own process: a real job file, SES as the sandbox plays it, the real server. */
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../src/time/clock.ts";
import { createMailer } from "../../src/deliver/mailer.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import { emptyRun, type Sender } from "../../src/deliver/sender.ts";
import { connectSes } from "../../src/aws/ses.ts";
import { createRequestInbox } from "../../src/intake/inbox.ts";
import type { Gateway, InletStatus, Settings } from "../../src/serve/gateway.ts";
import { buildServer, type ServerOptions } from "../../src/serve/server.ts";
import { sendTest } from "../../src/serve/test-mail.ts";
import { openJob } from "./job.ts";
import type { Store } from "../../src/store/store.ts";
import { openLinks } from "../../src/tracking/links.ts";
import { createRetryDead } from "../../src/work/dead/retry-one.ts";
import { type Json, workFolder } from "./run.ts";
import { type SesServer, sesServer } from "./ses-server.ts";

export const API_KEY = "a-key-for-the-tests-only";

export interface TestGatewayOptions {
  settings?: Partial<Settings>;
  clock?: Clock;
  server?: Partial<Omit<ServerOptions, "stream">>;
  /** Stands between the routes and the job file. */
  store?: (store: Store) => Store;
  /** Takes dead letters in again; default: as a gateway does. */
  retryDead?: Gateway["retryDead"];
  /** Sends what is due, to the sandbox. Default false: mail stays where it is, for the test to look at. */
  sending?: boolean;
  /** Keeps the mails as files in `ses.outbox`. */
  outbox?: true;
  /** Brokers from which mail is taken in; default: none. */
  inlets?: readonly InletStatus[];
  /** Recipients; default 1,000. */
  perSecond?: number;
}

export interface TestGateway {
  app: FastifyInstance;
  gateway: Gateway;
  store: Store;
  /** Path of the job file. */
  db: string;
  /** SES; only with `sending`. */
  ses: SesServer | null;
  /** How often the sender was woken. */
  wakes(): number;
  /** What was logged so far. */
  log(): string;
  /** A request with the API key of the environment, without a socket. */
  call(request: InjectOptions): Promise<LightMyRequestResponse>;
  post(body: unknown, headers?: Record<string, string>): Promise<{ status: number; json: Json }>;
  get(url: string, headers?: Record<string, string>): Promise<{ status: number; json: Json }>;
  /** Listens on a free port and says where: `http://127.0.0.1:…`. */
  listen(): Promise<string>;
}

export async function testGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = await workFolder();
  const clock = options.clock ?? systemClock;
  const db = join(folder, "ses-mail.db");
  const real = await openJob(db, clock);
  const store = options.store?.(real) ?? real;
  const settings = { ...SETTINGS, ...options.settings };
  const links = await openLinks(real, {}, clock);
  const outbox = join(folder, "outbox");
  const ses = options.sending ? await sesServer(folder, options.outbox ? { outbox } : {}) : null;
  const { sender, stop } = ses ? startSender(real, ses, { clock, links }, options.perSecond) : idleSender();
  let wakes = 0;
  const watched = { ...sender, wake: () => (wakes++, sender.wake()) };
  const inbox = createRequestInbox({ store, endpoint: settings.endpoint, wake: () => watched.wake() });
  const parts = {
    store,
    inbox,
    clock,
    settings,
    sender: watched,
    links,
    held: () => new Set<string>(),
    inlets: () => options.inlets ?? [],
    account: () => null,
  };
  const retryDead = options.retryDead ?? createRetryDead({ ...parts, store, ...NO_BROKERS });
  const gateway: Gateway = { ...parts, retryDead, sendTest: (test) => sendTest(parts, test) };
  const log = recorder();
  const app = await buildServer(gateway, { level: "debug", ...options.server, stream: log.stream });
  onTestFinished(async () => {
    await app.close();
    await stop();
    await real.close();
  });
  return { gateway, store: real, db, ses, wakes: () => wakes, log: log.text, ...clientOf(app) };
}

const NO_BROKERS = { brokers: { nats: null, redis: null }, connections: { nats: null, redis: null } };

function clientOf(app: FastifyInstance) {
  const call = (request: InjectOptions): Promise<LightMyRequestResponse> =>
    app.inject({ ...request, headers: { "x-api-key": API_KEY, ...request.headers } });
  const brief = (answer: LightMyRequestResponse): { status: number; json: Json } => ({
    status: answer.statusCode,
    json: answer.json(),
  });
  return {
    app,
    call,
    post: async (body: unknown, headers: Record<string, string> = {}) =>
      brief(
        await call({
          method: "POST",
          url: "/v1/messages",
          headers: { "content-type": "application/json", ...headers },
          payload: typeof body === "string" ? body : JSON.stringify(body),
        }),
      ),
    get: async (url: string, headers: Record<string, string> = {}) =>
      brief(await call({ method: "GET", url, headers })),
    listen: async () => {
      await app.listen({ port: 0, host: "127.0.0.1" });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
  };
}

const SETTINGS: Settings = {
  endpoint: "sandbox",
  envelope: {
    from: "News <news@example.com>",
    replyTo: [],
    headers: [],
    tags: [],
    configurationSet: null,
    unsubscribeUrl: null,
    unsubscribeMailto: null,
  },
  zone: "Asia/Seoul",
  baseUrl: null,
  tracking: null,
  apiKey: API_KEY,
  sns: { topicArns: [], rawSecret: null, trustedKeys: [], maxAgeMs: 3_600_000 },
  trustProxy: false,
};

function startSender(
  store: Store,
  ses: SesServer,
  { clock, links }: Pick<Gateway, "clock" | "links">,
  perSecond = 1_000,
): { sender: Sender; stop: () => Promise<void> } {
  const client = connectSes({
    region: "us-east-1",
    endpoint: ses.sandbox.url,
    credentials: { accessKeyId: "sandbox", secretAccessKey: "sandbox" },
    concurrency: 20,
    timeoutMs: 10_000,
  });
  const abort = new AbortController();
  const mailer = createMailer(store, client, async () => links);
  const sender = createSendLoop(store, mailer, {
    scope: { topic: null, endpoint: "sandbox", maxLateMs: null },
    rate: () => ({ perSecond, concurrency: 20 }),
    whenDrained: "wait",
    maxAttempts: 3,
    checkpoint: async () => null,
    io: { signal: abort.signal, hardSignal: new AbortController().signal, clock },
  });
  const done = sender.run({ onNotice: () => undefined });
  const stop = async (): Promise<void> => {
    abort.abort("SIGTERM");
    await done;
    client.close();
  };
  return { sender, stop };
}

function idleSender(): { sender: Sender; stop: () => Promise<void> } {
  const run = emptyRun();
  const status = () => ({ state: "idle" as const, reason: null, hint: null, perSecond: 14, run });
  return { sender: { status, wake: () => undefined }, stop: async () => undefined };
}

function recorder(): { stream: PassThrough; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
