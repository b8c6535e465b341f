/** What `serve` and `work` have to do with brokers, read and checked before anything is opened. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { MOST_STREAM } from "../../intake/broker/redis-job.ts";
import type { Io } from "../../io.ts";
import { readBytes } from "../../read-file.ts";
import { takesSubject } from "../../queue/nats/subject.ts";
import { parseDuration } from "../../time/duration.ts";

/** Options for brokers. Their form was checked when they were parsed; `takeOldNames` filled in what older programs' variables say. */
export interface BrokerFlags {
  sandbox?: boolean;
  from?: string;
  maxAttempts: number;
  /** False: this process sends nothing. Not set: it sends. */
  send?: boolean;
  /** Addresses of one cluster. */
  nats?: string[];
  natsStream: string;
  natsSubject: string;
  natsConsumer: string;
  natsCreds?: string;
  redis?: string;
  redisStream: string;
  redisGroup: string;
  templates?: string;
  inletMaxPending: number;
  outlet?: "nats";
  outletTimeout: string;
  results?: string;
  /** Which variables of older programs gave a value, and which do nothing. */
  oldNames?: { used: readonly string[]; ignored: readonly string[] };
}

/** Where mail is read from on NATS. */
export interface NatsPlace {
  stream: string;
  subject: string;
  consumer: string;
}

/** Mail that is handed over to NATS instead of SES. */
export interface OutletSettings {
  /** Where it is published, and the stream that takes it. */
  subject: string;
  stream: string;
  /** Where others report what became of it. */
  results: string;
  /** What nobody reported on for so long is in doubt. */
  timeoutMs: number;
}

/** The brokers of one process. */
export interface BrokerSettings {
  /** Null: no NATS server is given. `inlet` is null where it is there for the outlet alone; `results` is null when nobody is told. */
  nats: {
    servers: readonly string[];
    credsFile: string | null;
    inlet: NatsPlace | null;
    results: string | null;
  } | null;
  /** Null: no Redis server is given. */
  redis: { url: string; stream: string; group: string; mostDeliveries: number; templates: string | null } | null;
  outlet: OutletSettings | null;
  /** Mail is taken in from brokers only while fewer messages are pending. */
  maxPending: number;
}

/** Where results are told, and looked for, when nobody names another subject. */
const RESULTS = "messages.results";
/** What was brought this much more often than mail is tried, and never taken in, is a dead letter. */
const MORE_DELIVERIES = 2;

/**
 * Reads the options, and looks whether the files that they name are there.
 * @throws UserError for options that contradict each other or lack another one.
 */
export async function readBrokers({ cwd }: Pick<Io, "cwd">, flags: BrokerFlags): Promise<BrokerSettings> {
  refuseOwnResults(flags);
  const outlet = readOutlet(flags);
  const settings = {
    nats: await readNats(cwd, flags, outlet),
    redis: await readRedis(cwd, flags),
    outlet,
    maxPending: flags.inletMaxPending,
  };
  if (hasInlet(settings) && flags.from === undefined) throw noSender(settings);
  return settings;
}

/** Whether mail is taken in from any broker. */
export function hasInlet({ nats, redis }: Pick<BrokerSettings, "nats" | "redis">): boolean {
  return redis !== null || (nats !== null && nats.inlet !== null);
}

/** What each inlet reads, such as `nats messages/email-processor`, as people are told. */
export function inletNames({ nats, redis }: Pick<BrokerSettings, "nats" | "redis">): string[] {
  return [...(nats?.inlet ? [natsName(nats.inlet)] : []), ...(redis ? [redisName(redis)] : [])];
}

/** What an inlet of NATS is called. */
export function natsName({ stream, consumer }: Pick<NatsPlace, "stream" | "consumer">): string {
  return `nats ${stream}/${consumer}`;
}

/** What an inlet of Redis is called. */
export function redisName({ stream, group }: Pick<NonNullable<BrokerSettings["redis"]>, "stream" | "group">): string {
  return `redis ${stream}/${group}`;
}

/** What the process does with brokers, for the line that says that it is ready: its inlets and its outlet. */
export function brokerNames(settings: BrokerSettings): string[] {
  return [...inletNames(settings), ...(settings.outlet ? [`outlet nats ${settings.outlet.subject}`] : [])];
}

/** Results on the subject of the mail would come back: to an inlet as mail that nobody can read, and to an outlet's senders, too. */
function refuseOwnResults({ nats, natsSubject, outlet, results }: BrokerFlags): void {
  const told = results ?? (outlet === undefined ? null : RESULTS);
  if (nats === undefined || told === null || !takesSubject(natsSubject, told)) return;
  const mail = natsSubject === told ? "" : `, which ${JSON.stringify(natsSubject)} takes`;
  throw new UserError(
    `--results expects another subject than that of the mail (--nats-subject), got ${JSON.stringify(told)}${mail}`,
    "name one that nobody reads mail from, such as messages.results",
  );
}

function readOutlet(flags: BrokerFlags): OutletSettings | null {
  const timeoutMs = parseDuration(flags.outletTimeout, "--outlet-timeout", 1);
  if (flags.outlet === undefined) return null;
  if (flags.nats === undefined)
    throw new UserError("--outlet nats expects --nats, got none", "name the server: --nats nats://127.0.0.1:4222");
  if (flags.send === false)
    throw new UserError(
      "--outlet nats expects a process that hands mail over, got --no-send",
      "leave out one of the two",
    );
  if (flags.sandbox === true)
    throw new UserError(
      "--outlet nats expects real mail, got --sandbox: others would send the rehearsal",
      "leave --outlet out to rehearse",
    );
  if (/[*>]/.test(flags.natsSubject))
    throw new UserError(
      `--nats-subject expects a subject without wildcards with --outlet nats, got ${JSON.stringify(flags.natsSubject)}`,
    );
  return { subject: flags.natsSubject, stream: flags.natsStream, results: flags.results ?? RESULTS, timeoutMs };
}

/** With an outlet nothing is read from NATS: it would be what the outlet has just published. */
async function readNats(
  cwd: string,
  flags: BrokerFlags,
  outlet: OutletSettings | null,
): Promise<BrokerSettings["nats"]> {
  if (flags.nats === undefined) return null;
  const credsFile = flags.natsCreds === undefined ? null : resolve(cwd, flags.natsCreds);
  if (credsFile !== null) await readBytes(credsFile, "the credentials of --nats-creds");
  const { natsStream: stream, natsSubject: subject, natsConsumer: consumer } = flags;
  return {
    servers: flags.nats,
    credsFile,
    inlet: outlet === null ? { stream, subject, consumer } : null,
    results: outlet === null ? (flags.results ?? null) : null,
  };
}

async function readRedis(cwd: string, flags: BrokerFlags): Promise<BrokerSettings["redis"]> {
  if (flags.redis === undefined) return null;
  const length = Array.from(flags.redisStream).length;
  if (length > MOST_STREAM)
    throw new UserError(
      `--redis-stream expects a name of at most ${MOST_STREAM} characters, got one of ${length}`,
      "the name of a mail is made of it and the id of its job, and has room for no more",
    );
  const templates = await readTemplatesFolder(cwd, flags.templates);
  return {
    url: flags.redis,
    stream: flags.redisStream,
    group: flags.redisGroup,
    mostDeliveries: flags.maxAttempts + MORE_DELIVERIES,
    templates,
  };
}

/** The folder of `--templates`, absolute; null: none is given. @throws UserError when it is none. */
export async function readTemplatesFolder(cwd: string, given: string | undefined): Promise<string | null> {
  if (given === undefined) return null;
  const folder = resolve(cwd, given);
  if (await isFolder(folder)) return folder;
  throw new UserError(`--templates expects a folder, got ${JSON.stringify(given)}`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function noSender(settings: BrokerSettings): UserError {
  const [inlet = ""] = inletNames(settings);
  return new UserError(
    `mail from ${inlet} expects a sender, got none`,
    "give it with --from, SES_MAIL_FROM or FROM_EMAIL",
  );
}
