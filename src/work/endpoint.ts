/** Where a run's mail goes: Amazon SES, or a sandbox that lives for this run only. */
import { resolve } from "node:path";
import { awsRegion } from "../aws/region.ts";
import type { Context } from "./context.ts";
import { type Account, connectSes, type Ses, type SesOptions } from "../aws/ses.ts";
import { UserError } from "../errors.ts";
import { boundWasm } from "../memory.ts";
import { parseDuration } from "../time/duration.ts";
import type { NotificationSink } from "../sandbox/event-feed.ts";
import type { TopicOf } from "../sandbox/outbox.ts";
import type { Sandbox, SandboxOptions } from "../sandbox/server.ts";
import type { Endpoint } from "../store/rows.ts";
import type { VisitSink } from "../store/store.ts";

/** Used when the account cannot be read: the rate SES gives a new production account. */
const DEFAULT_PER_SECOND = 14;
/** More calls in flight would not help: one process cannot prepare that many mails a second. */
const MOST_CONCURRENCY = 500;
const ACCOUNT_TIMEOUT_MS = 5_000;
/** The folder for the mails of a rehearsal, when no other is named. */
export const OUTBOX = "ses-mail-outbox";

/** Options of every command that sends: where to, how fast, and how long to wait for an answer. */
export interface EndpointFlags {
  sandbox?: boolean;
  sandboxEvents?: string;
  /** Where the mails of the sandbox go; `ses-mail-outbox` when not given. */
  outbox?: string;
  rate?: number;
  /** The multi-region endpoint that mails go through. The sandbox has none, and it is left aside there. */
  endpointId?: string;
  concurrency?: number;
  timeout: string;
  /** How many recipients of the daily quota bulk mail leaves to other mail. Not set: none. */
  reserve?: number;
}

/** The embedded sandbox: its address, and the webhook that publishes and signs its events. */
type Embedded = Pick<Sandbox, "url" | "webhook" | "close">;

/** Where mail goes in this run, connected, and how fast it may. */
export interface SesConnection {
  ses: Ses;
  /** Null: mail goes to Amazon SES. */
  sandbox: Embedded | null;
  endpoint: Endpoint;
  /** Null: it could not be read. */
  account: Account | null;
  /** True: SES answered when it was asked for, if only that it may not be read. */
  hasAnswered: boolean;
  /** When it was asked for (monotonic ms). */
  accountAskedAt: number;
  /** Recipients per second. */
  perSecond: number;
  /** Calls in flight at most. */
  concurrency: number;
  /** Why nothing may be sent at all, known before the first mail; null: it may. */
  halt: { reason: string; hint: string } | null;
}

/** Where the embedded sandbox POSTs its events. The URL is known once the gateway listens. */
interface EventTarget {
  url: Promise<string>;
  snsTopic: string;
}

/** What the embedded sandbox has to do with the job file. It is used for a rehearsal only. */
export interface Rehearsing {
  /** Where events are POSTed; not set: nowhere. */
  webhook?: EventTarget;
  /** Another place that takes events. */
  sink?: NotificationSink;
  /** Finds the topic of a mail. */
  topicOf: TopicOf;
}

/** Finds the topic of a mail by the tag that names its message. */
export function topicByTag(store: Pick<VisitSink, "addressee">): TopicOf {
  return async ({ tags }) => {
    const id = tags.find(({ name }) => name === "ses-mail-message")?.value;
    return id === undefined ? null : ((await store.addressee(Number(id)))?.topic ?? null);
  };
}

function clientOf(options: SesOptions): Ses {
  boundWasm();
  return connectSes(options);
}

/**
 * The client for Amazon SES, when calls can be made with it; null for the sandbox. To be called before anything is read or
 * written: a setting that is missing must not cost a minute, and must leave nothing behind. Throws as `sesReady` does, and
 * `UserError` for a bad `--timeout`. It is closed when the command ends.
 */
export async function openSes(context: Context, flags: EndpointFlags): Promise<Ses | null> {
  const options = clientOptions(context, flags, null);
  if (flags.sandbox) return null;
  const ses = clientOf(options);
  context.onExit(() => ses.close());
  const { env, signal } = context.io;
  await ses.ready({ env, signal, alternative: "try --sandbox, which needs no account" });
  return ses;
}

/** What `connect` goes on with. */
export interface ConnectOptions extends Rehearsing {
  /** From `openSes`. Null: start the embedded sandbox. */
  ses: Ses | null;
}

/**
 * Connects, reads the account's rate and quota, and settles rate and concurrency. An account that cannot be read is a
 * warning and stops nothing. Everything is closed when the command ends.
 */
export async function connect(
  context: Context,
  flags: EndpointFlags,
  { ses: opened, ...rehearsing }: ConnectOptions,
): Promise<SesConnection> {
  const trouble = { outbox: null as Error | null };
  const sandbox =
    opened === null
      ? await startEmbedded(context, flags, { ...rehearsing, onOutboxProblem: (problem) => (trouble.outbox = problem) })
      : null;
  const options = clientOptions(context, flags, sandbox);
  // Use one client for everything: reading the account opens the connection that the first mail uses.
  const ses = opened ?? haltedBy(trouble, clientOf(options));
  if (opened === null) context.onExit(() => ses.close());
  const accountAskedAt = context.io.clock.monotonic();
  const { account, hasAnswered } = await readAccount(context, flags, ses);
  const { perSecond, concurrency } = rateOf(account, flags);
  const limits = account ? `${account.perSecond} per second, ${account.quota ?? "unlimited"} in 24 hours` : "unknown";
  context.terminal.detail(
    `Region ${options.region ?? "of the AWS profile"}, account ${limits}; ${perSecond} per second, ${concurrency} calls in flight at most.`,
  );
  const endpoint = sandbox ? "sandbox" : "ses";
  const asked = { account, hasAnswered, accountAskedAt };
  return { ses, sandbox, endpoint, ...asked, perSecond, concurrency, halt: haltOf(account) };
}

/** A mail that the outbox cannot take is not to be tried again and again: somebody has to make room first. */
function haltedBy(trouble: { outbox: Error | null }, ses: Ses): Ses {
  return {
    ...ses,
    async send(...args) {
      const outcome = await ses.send(...args);
      if (trouble.outbox === null || outcome.kind !== "transient") return outcome;
      const { message: reason } = trouble.outbox;
      trouble.outbox = null;
      return { kind: "halted", reason, hint: "make room there, or name another folder with --outbox" };
    },
  };
}

function clientOptions({ io }: Context, flags: EndpointFlags, sandbox: Sandbox | null): SesOptions {
  const { endpointId } = flags;
  return {
    region: sandbox ? "us-east-1" : awsRegion(io.env),
    endpoint: sandbox?.url,
    credentials: sandbox ? { accessKeyId: "sandbox", secretAccessKey: "sandbox" } : undefined,
    timeoutMs: parseDuration(flags.timeout, "--timeout", 1),
    concurrency: flags.concurrency ?? MOST_CONCURRENCY,
    wire: wireIn(io.env),
    ...(endpointId !== undefined && !sandbox && { endpointId }),
  };
}

/** Who makes the calls of SendEmail. The SDK's own way is for doubts, and for tests that compare both. */
function wireIn(env: Readonly<Record<string, string | undefined>>): "own" | "sdk" {
  const wire = env["SES_MAIL_WIRE"] ?? "own";
  if (wire === "own" || wire === "sdk") return wire;
  throw new UserError(`SES_MAIL_WIRE expects own or sdk, got ${JSON.stringify(wire)}`, "remove it");
}

/** What only SES says, or what would stop the mail, too (no credentials): a proxy or a login page says none of it. */
const OF_SES: ReadonlySet<string> = new Set(["halted", "quota"]);

async function readAccount(
  { terminal }: Context,
  flags: EndpointFlags,
  ses: Ses,
): Promise<Pick<SesConnection, "account" | "hasAnswered">> {
  const answer = await ses.account(ACCOUNT_TIMEOUT_MS);
  if ("perSecond" in answer) return { account: answer, hasAnswered: true };
  const consequence = flags.rate === undefined ? `; using ${DEFAULT_PER_SECOND} per second (--rate changes it)` : "";
  terminal.warn(`The account's rate and quota could not be read (${answer.reason})${consequence}.`);
  return { account: null, hasAnswered: OF_SES.has(answer.kind) };
}

/** The rate and concurrency of the options, else the account's rate (14 when unknown) and twice the rate, 2 to 500. */
export function rateOf(
  account: Account | null,
  flags: Pick<EndpointFlags, "rate" | "concurrency">,
): Pick<SesConnection, "perSecond" | "concurrency"> {
  const perSecond = flags.rate ?? (account && account.perSecond > 0 ? account.perSecond : DEFAULT_PER_SECOND);
  const concurrency = flags.concurrency ?? Math.max(2, Math.min(MOST_CONCURRENCY, Math.ceil(2 * perSecond)));
  return { perSecond, concurrency };
}

async function startEmbedded(
  { io, terminal, onExit }: Context,
  flags: EndpointFlags,
  { webhook, sink, topicOf, onOutboxProblem }: Rehearsing & Required<Pick<SandboxOptions, "onOutboxProblem">>,
): Promise<Sandbox> {
  const { startSandbox } = await import("../sandbox/server.ts");
  const folder = flags.outbox ?? OUTBOX;
  const outbox = resolve(io.cwd, folder);
  const sandbox = await startSandbox({
    port: 0,
    rate: flags.rate ?? DEFAULT_PER_SECOND,
    quota: 50_000,
    latencyMs: 20,
    outbox,
    topicOf,
    onOutboxProblem,
    events: flags.sandboxEvents === undefined ? null : resolve(io.cwd, flags.sandboxEvents),
    faults: [],
    clock: io.clock,
    ...(sink && { sinks: [sink] }),
    ...(webhook && { webhook: { url: webhook.url, holdsBack: true }, snsTopic: webhook.snsTopic }),
  });
  onExit(() => sandbox.close());
  terminal.info(`Sandbox: nothing leaves this machine; the mails land in ${folder.replace(/\/$/, "")}/`);
  return sandbox;
}

function haltOf(account: Account | null): SesConnection["halt"] {
  if (!account) return null;
  if (account.enforcement === "SHUTDOWN") {
    return {
      reason: "AWS has shut down sending for this account",
      hint: "see the AWS Health dashboard and the account's e-mail",
    };
  }
  if (!account.sendingEnabled)
    return { reason: "sending is paused for this account", hint: "resume it in the SES console" };
  return null;
}
