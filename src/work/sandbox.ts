/** The `sandbox` command at work: a local SES that runs until a signal. */
import { resolve } from "node:path";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { parseFault } from "../sandbox/faults.ts";
import { type SandboxOptions, startSandbox } from "../sandbox/server.ts";
import type { WebhookCounts, WebhookOptions } from "../sandbox/webhook.ts";
import { parseDuration } from "../time/duration.ts";

/** Options of `sandbox`. Texts are as typed. */
export interface SandboxFlags {
  port: string;
  host: string;
  /** Recipients per second. */
  rate: number;
  quota: string;
  latency: string;
  /** False with `--no-outbox`. */
  outbox: string | false;
  events?: string;
  webhook?: string;
  webhookKey?: string;
  webhookSnsTopic?: string;
  webhookSignature?: "1" | "2";
  fault?: string[];
  log?: string;
  verified?: string[];
  eventDelay: string;
  eventCopies: string;
  eventShuffle?: boolean;
}

/** The default file for the public key of the webhook's signatures. */
const WEBHOOK_KEY = "ses-mail-sandbox-sns.pem";

/** `sandbox`: runs the server until a signal, then closes it. Throws `UserError` for options that cannot be used. */
export async function runSandbox(context: Context, flags: SandboxFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const server = await startSandbox(optionsOf(context, flags));
  io.stderr.write(`listening on ${server.url}\n`);
  if (!isLoopback(flags.host))
    terminal.warn(
      "Everybody in the network can reach it, and nothing asks for a password: leave out --host to keep it to this machine.",
    );
  terminal.info(
    `use it with: AWS_ENDPOINT_URL_SESV2=${server.url} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox`,
  );
  if (flags.webhook !== undefined) {
    terminal.info(
      `events go to ${flags.webhook}; its receiver has to trust ${flags.webhookKey ?? WEBHOOK_KEY} (serve --sns-trust)`,
    );
  }
  await aborted(io.signal);
  await server.close();
  if (globals.json)
    terminal.json({ accepted: server.accepted, ...(server.webhook && { webhook: server.webhook.counts }) });
  else terminal.info(`accepted ${server.accepted} messages${webhookText(server.webhook?.counts)}`);
  return EXIT.done;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
}

function optionsOf(context: Context, flags: SandboxFlags): SandboxOptions {
  const { io } = context;
  return {
    port: wholeNumber("--port", flags.port, 0, 65_535),
    host: flags.host,
    rate: flags.rate,
    quota: flags.quota === "-1" ? -1 : wholeNumber("--quota", flags.quota, 0, 1e9),
    latencyMs: parseDuration(flags.latency, "--latency"),
    outbox: flags.outbox === false ? null : resolve(io.cwd, flags.outbox),
    events: flags.events === undefined ? null : resolve(io.cwd, flags.events),
    webhook: webhookOf(context, flags),
    snsTopic: flags.webhookSnsTopic ?? null,
    log: flags.log === undefined ? null : resolve(io.cwd, flags.log),
    verified: flags.verified ?? null,
    faults: (flags.fault ?? []).map(parseFault),
    eventDelayMs: parseDuration(flags.eventDelay, "--event-delay"),
    eventCopies: wholeNumber("--event-copies", flags.eventCopies, 1, 100),
    eventShuffle: flags.eventShuffle ?? false,
    clock: io.clock,
  };
}

function webhookOf({ io, terminal }: Context, flags: SandboxFlags): WebhookOptions | null {
  const alone = flags.webhookKey !== undefined ? "--webhook-key" : flags.webhookSignature && "--webhook-signature";
  if (flags.webhook === undefined && alone) {
    throw new UserError(
      `${alone} expects --webhook, got none`,
      "name the address that events are POSTed to: --webhook <url>",
    );
  }
  if (flags.webhook === undefined) return null;
  return {
    url: flags.webhook,
    keyFile: resolve(io.cwd, flags.webhookKey ?? WEBHOOK_KEY),
    signatureVersion: flags.webhookSignature ?? "2",
    onTrouble: (text) => terminal.warn(text),
  };
}

function webhookText(counts: WebhookCounts | undefined): string {
  if (counts === undefined) return "";
  const { delivered, refused, lost } = counts;
  return `; of their events the webhook took ${delivered} and refused ${refused}, ${lost} were lost`;
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UserError(`${option} expects a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
}
