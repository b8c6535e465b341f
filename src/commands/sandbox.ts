import { resolve } from "node:path";
import { Option } from "commander";
import { EXIT, UserError } from "../errors.ts";
import { FAULT_GRAMMAR, parseFault } from "../sandbox/faults.ts";
import type { WebhookCounts, WebhookOptions } from "../sandbox/webhook.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { parseRate, setting } from "./options.ts";

interface Flags {
  port: string;
  host: string;
  rate: number;
  quota: string;
  latency: string;
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

const WEBHOOK_KEY = "ses-mail-sandbox-sns.pem";

const FAULTS = `
Faults: ${FAULT_GRAMMAR}
  share is 0.2 or 20%; a bare kind means every call
  example: --fault throttle:0.2 --fault accept-then-drop:every=100`;

const collect = (value: string, all: string[] | undefined) => [...(all ?? []), value];

export const addSandbox: AddCommand = (program, act) => {
  program
    .command("sandbox")
    .description("run a local SES to develop and rehearse against; no AWS account needed")
    .addOption(setting("--port <n>", "SANDBOX_PORT", "port; 0 picks a free one").default("8025"))
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--rate <n>", "recipients per second it accepts", parseRate, 14)
    .option("--quota <n>", "recipients in 24 hours; -1 is unlimited", "50000")
    .option("--latency <duration>", "time each answer takes", "50ms")
    .option("--outbox <dir>", "folder for the mails, as .eml files", "ses-mail-outbox")
    .option("--no-outbox", "keep no mails")
    .option("--events <file>", "write what SES would publish, as SNS messages, one a line")
    .option("--webhook <url>", "POST what SES would publish to this address, signed as SNS does")
    .option("--webhook-key <file>", `where the public key of these signatures is written (default: ${WEBHOOK_KEY})`)
    .option("--webhook-sns-topic <arn>", "SNS topic that publishes the events")
    .addOption(
      new Option("--webhook-signature <version>", "version of these signatures (default: 2)").choices(["1", "2"]),
    )
    .option("--event-delay <duration>", "publish events this much later", "0ms")
    .option("--event-copies <n>", "publish each event n times", "1")
    .option("--event-shuffle", "publish events out of order")
    .option("--fault <spec>", "fail on purpose; may be repeated", collect)
    .option("--verified <identity>", "only this identity is verified; may be repeated", collect)
    .option("--log <file>", "one JSON line per call")
    .addHelpText("after", FAULTS)
    .action(act<Flags>((context, flags) => sandbox(context, flags)));
};

async function sandbox(context: Context, flags: Flags): Promise<number> {
  const { io, terminal, globals } = context;
  const { startSandbox } = await import("../sandbox/server.ts");
  const { parseDuration } = await import("../time/duration.ts");
  const server = await startSandbox({
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
  });
  io.stderr.write(`listening on ${server.url}\n`);
  terminal.info(
    `use it with: AWS_ENDPOINT_URL_SESV2=${server.url} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox`,
  );
  if (flags.webhook !== undefined) {
    terminal.info(
      `events go to ${flags.webhook}; its receiver has to trust ${flags.webhookKey ?? WEBHOOK_KEY} (serve --sns-trust)`,
    );
  }
  if (!io.signal.aborted) await new Promise((stop) => io.signal.addEventListener("abort", stop, { once: true }));
  await server.close();
  if (globals.json)
    terminal.json({ accepted: server.accepted, ...(server.webhook && { webhook: server.webhook.counts }) });
  else terminal.info(`accepted ${server.accepted} messages${told(server.webhook?.counts)}`);
  return EXIT.done;
}

function webhookOf({ io, terminal }: Context, flags: Flags): WebhookOptions | null {
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

function told(counts: WebhookCounts | undefined): string {
  if (counts === undefined) return "";
  const { delivered, refused, lost } = counts;
  return `; of their events the webhook took ${delivered} and refused ${refused}, ${lost} were lost`;
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UserError(`${option} expects a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
}
