/** The gateway: opens what it needs, connects the parts, and runs until a signal. */
import type { AddressInfo } from "node:net";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Context } from "../context.ts";
import type { Ses } from "../../aws/ses.ts";
import type { SendLoop } from "../../deliver/sender.ts";
import { topicByTag } from "../endpoint.ts";
import { EXIT, exitCodeOf, UserError } from "../../errors.ts";
import type { AccountWatch } from "../account-watch.ts";
import { connectBrokers } from "../brokers/connections.ts";
import { readBrokers } from "../brokers/settings.ts";
import { type HoldingScope, levelOf, listenerOf, startChores } from "./chores.ts";
import type { InletsParts } from "../brokers/inlet.ts";
import { createInlets, type Inlets } from "../brokers/inlets.ts";
import { openService } from "./open.ts";
import { createRetryDead } from "../dead/retry-one.ts";
import { setAsideText } from "../set-aside.ts";
import { prepareSending, readScope, type Sending } from "./sending.ts";
import { bugLog, tellBrokers } from "./service-log.ts";
import { readPort, readGatewaySettings, type ServeFlags } from "./settings.ts";
import { runTogether, stopWith } from "./together.ts";
import { openOutlet } from "../brokers/open-outlet.ts";
import { createRequestInbox } from "../../intake/inbox.ts";
import { isLoopback } from "../loopback.ts";
import type { Gateway, Settings, TestMail } from "../../serve/gateway.ts";
import { buildServer } from "../../serve/server.ts";
import { createLog } from "../../serve/request-log.ts";
import { sendTest } from "../../serve/test-mail.ts";
import type { Store } from "../../store/store.ts";
import { startTelemetry } from "../../telemetry/start.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";

/** How long requests under way may take after a signal. */
const CLOSE_MS = 10_000;
/** The SNS topic under which the embedded sandbox publishes its events. */
const REHEARSAL_SNS_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";

/**
 * Runs the gateway. Resolves to the exit code when a signal came and everything in flight is answered and written. Throws
 * `UserError` for options that cannot be used, a missing API key, or an address it cannot listen on.
 */
export async function runGateway(context: Context, flags: ServeFlags): Promise<number> {
  const { io, terminal, version } = context;
  const port = readPort(flags.port);
  const brokers = await readBrokers(io, flags);
  const settings = await readGatewaySettings(io, flags);
  const scope = readScope(settings.endpoint, flags);
  const notice = { tell: (text: string) => terminal.warn(text) };
  const connections = await connectBrokers(context, brokers, (text) => notice.tell(text));
  let recovered = 0;
  const { store, ses } = await openService(context, flags, {
    tell: (text) => notice.tell(text),
    onRecovered: (count) => (recovered = count),
    usesSes: brokers.outlet === null,
    beforeMaking: () => {
      if (settings.apiKey === null) throw noKey();
    },
    check: (opened) => checkKey(opened, settings),
  });
  const telemetry = await startTelemetry(io.env, {
    version,
    onNotice: (text) => notice.tell(text),
  });
  context.onExit(() => telemetry.close());
  const stop = stopWith(io.signal);
  const log = createLog(io.stderr, levelOf(context));
  const tell = (text: string) => notice.tell(text);
  const parts = await connectParts(context, {
    ses,
    store,
    settings,
    scope,
    flags,
    tell,
    brokers,
    connections,
    stop,
    log,
    onBug: bugLog(log, telemetry),
  });
  const app = await buildServer(parts.gateway, { stream: io.stderr, level: levelOf(context), observer: telemetry });
  notice.tell = (text) => app.log.warn(text);
  if (recovered > 0) listenerOf(app.log).onRecovered(recovered);
  try {
    const url = await listen(app, flags.host, port);
    io.stderr.write(`listening on ${url}\n`);
    parts.webhook.known(`${url}/v1/events/results`);
    warnOf(parts.gateway.settings, flags.host, app.log);
    tellBrokers(app.log, flags, brokers);
    await runParts(parts, { telemetry, log: app.log, stop, hardSignal: io.hardSignal });
  } catch (error) {
    if (!(error instanceof UserError)) telemetry.captureError(error, { crash: true });
    throw error;
  } finally {
    // Close the sandbox first: its last events still need the webhook.
    await parts.sandbox?.close();
    await closeServer(app, io.hardSignal);
  }
  // After a second signal what was in flight is left behind, in doubt.
  return io.hardSignal.aborted ? exitCodeOf(io.signal) : EXIT.done;
}

interface Running {
  telemetry: Telemetry;
  log: FastifyBaseLogger;
  stop: AbortController;
  hardSignal: AbortSignal;
}

async function runParts({ gateway, account, sender, inlets }: Parts, running: Running): Promise<void> {
  const { telemetry, log } = running;
  const endChores = startChores(gateway, account, telemetry, log);
  try {
    await runTogether(sender.run({ ...listenerOf(log), onProgress: () => inlets.wake() }), inlets, running);
  } finally {
    await endChores();
  }
}

interface Parts {
  gateway: Gateway;
  sender: SendLoop;
  account: AccountWatch;
  sandbox: Sending["sandbox"];
  inlets: Inlets;
  webhook: Known<string>;
}

interface Surroundings extends Pick<InletsParts, "brokers" | "connections" | "log" | "onBug" | "stop"> {
  /** Null: the embedded sandbox. */
  ses: Ses | null;
  store: Store;
  settings: Settings;
  scope: HoldingScope;
  flags: ServeFlags;
  tell: (text: string) => void;
}

async function connectParts(context: Context, surroundings: Surroundings): Promise<Parts> {
  const { ses, store, settings: asked, scope, flags, tell, stop, brokers, connections } = surroundings;
  const { clock } = context.io;
  const webhook = whenKnown<string>();
  const rehearsing = { webhook: { url: webhook.value, snsTopic: REHEARSAL_SNS_TOPIC }, topicOf: topicByTag(store) };
  const stoppable = { ...context, io: { ...context.io, signal: stop.signal } };
  const outlet = await openOutlet(surroundings.brokers, surroundings.connections, { store, clock });
  const sending = await prepareSending(stoppable, { store, ses, outlet, rehearsing, scope, flags, tell });
  const { sender, account, sandbox, links } = sending;
  const settings = withSandbox(asked, sandbox);
  const inbox = createRequestInbox({
    store,
    endpoint: settings.endpoint,
    wake: () => sender.wake(),
    onSetAside: (setAside) => tell(setAsideText(setAside)),
  });
  const mailing = { store, inbox, clock, settings, sender };
  const inlets = await createInlets({ ...surroundings, sends: true, incoming: settings, inbox, clock });
  const gateway = {
    ...mailing,
    links,
    held: () => scope.held,
    inlets: () => inlets.states(),
    account: account.now,
    sendTest: (test: TestMail) => sendTest(mailing, test),
    retryDead: createRetryDead({ ...mailing, brokers, connections }),
  };
  return { gateway, sender, account, sandbox, inlets, webhook };
}

/** In a rehearsal the events of the embedded sandbox come back by the webhook, as those of Amazon would. */
function withSandbox(settings: Settings, sandbox: Sending["sandbox"]): Settings {
  if (!sandbox?.webhook) return settings;
  const { sns } = settings;
  const topicArns = [...sns.topicArns, REHEARSAL_SNS_TOPIC];
  const trustedKeys = [...sns.trustedKeys, sandbox.webhook.publicKey];
  return { ...settings, sns: { ...sns, topicArns, trustedKeys, offline: true } };
}

interface Known<T> {
  value: Promise<T>;
  known: (value: T) => void;
}

function whenKnown<T>(): Known<T> {
  let known: (value: T) => void = () => undefined;
  const value = new Promise<T>((resolve) => (known = resolve));
  return { value, known };
}

/** Without an API key nobody could use the gateway, so it refuses to start. */
async function checkKey(store: Store, settings: Settings): Promise<void> {
  const hasKey = settings.apiKey !== null || (await store.keys()).some((key) => key.revokedAt === null);
  if (!hasKey) throw noKey();
}

function noKey(): UserError {
  return new UserError(
    "serve expects an API key, got none",
    "set SES_MAIL_API_KEY to 16 characters or more, or make one with: ses-mail key add <name>",
  );
}

/** Starts to listen and returns the URL. Throws `UserError` when the address cannot be used. */
async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port, listenTextResolver: () => "started" });
    return urlOf(app, host);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    const reasons: Record<string, string> = {
      EADDRINUSE: "the port is taken",
      EADDRNOTAVAIL: "this machine has no such address",
      ENOTFOUND: "this machine has no such address",
      EACCES: "the port needs more rights",
    };
    if (typeof code !== "string" || reasons[code] === undefined) throw error;
    throw new UserError(`cannot listen on ${host}:${port}: ${reasons[code]}`, "give another --port or --host");
  }
}

/** Lets requests under way finish, for ten seconds at most: a client that stalls must not hold us up. */
async function closeServer(app: FastifyInstance, hardSignal: AbortSignal): Promise<void> {
  const drop = () => app.server.closeAllConnections();
  const timer = setTimeout(drop, CLOSE_MS);
  hardSignal.addEventListener("abort", drop, { once: true });
  if (hardSignal.aborted) drop();
  await app.close();
  clearTimeout(timer);
  hardSignal.removeEventListener("abort", drop);
}

function urlOf(app: FastifyInstance, host: string): string {
  const { port } = app.server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function warnOf({ envelope, sns, baseUrl }: Settings, host: string, log: FastifyBaseLogger): void {
  if (!isLoopback(host))
    log.warn(
      `open to other machines (--host ${host}): keys and mails travel there unencrypted; put a reverse proxy with TLS in front`,
    );
  if (envelope === null) log.warn("no --from: POST /v1/messages is refused, everything else works");
  if (sns.topicArns.length === 0) log.warn("no --sns-topic-arn: bounces and complaints from SNS are refused");
  if (baseUrl === null) log.info("no --base-url: mails taken in here carry no tracking and no unsubscribe links");
}
