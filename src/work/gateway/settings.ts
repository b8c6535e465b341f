/** The options of `serve` and `work`, read and checked before anything is opened. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { readBytes } from "../../read-file.ts";
import type { RecipientCap } from "../../deliver/source.ts";
import { durationMs, parseDuration } from "../../time/duration.ts";
import type { BrokerFlags } from "../brokers/settings.ts";
import type { EndpointFlags } from "../endpoint.ts";
import { type IncomingFlags, readIncoming } from "../incoming.ts";
import { UserError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { checkZone } from "../../time/schedule.ts";
import { parseTopicArn } from "../../serve/sns/topic-arn.ts";
import type { Settings, SnsSettings } from "../../serve/gateway.ts";

/** Options of everything that sends as a service. Texts are as typed. */
export interface ServiceFlags extends EndpointFlags, BrokerFlags {
  maxAttempts: number;
  maxLate?: string;
  recipientCap?: string;
  /** Percent; Infinity: off. */
  maxBounceRate: number;
  maxComplaintRate: number;
}

/** Options of `serve`. */
export interface ServeFlags extends ServiceFlags, IncomingFlags {
  port: string;
  host: string;
  trustProxy?: boolean;
  tz?: string;
  snsTopicArn?: string[];
  snsTrust?: string[];
  snsMaxAge: string;
}

/** Characters. Shorter keys and secrets are refused: they could be guessed. */
const LEAST_SECRET = 16;

/** Checks the options, and the secrets of the environment. Throws `UserError` for the first that cannot be used. */
export async function readGatewaySettings(io: Io, flags: ServeFlags): Promise<Settings> {
  return {
    endpoint: flags.sandbox ? "sandbox" : "ses",
    ...readIncoming(flags),
    zone: flags.tz === undefined ? null : checkZone(flags.tz),
    apiKey: secretOf(io, "SES_MAIL_API_KEY"),
    sns: await readSns(io, flags),
    trustProxy: flags.trustProxy ?? false,
  };
}

/** A port from 0 to 65535; 0 picks a free one. Throws `UserError` for anything else. */
export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new UserError(`--port expects a whole number from 0 to 65535, got ${JSON.stringify(text)}`);
}

/** Parses a cap: `5/1h` is five mails to one address in an hour, `off` (null) any number. Throws `UserError` for anything else. */
export function readRecipientCap(text: string): RecipientCap | null {
  if (text.trim() === "off") return null;
  const [, count = "", span = ""] = /^\s*([1-9]\d{0,5})\s*\/\s*(.+)$/.exec(text) ?? [];
  const windowMs = durationMs(/^[a-z]/i.test(span) ? `1${span}` : span);
  if (count !== "" && windowMs !== null && windowMs > 0) return { count: Number(count), windowMs };
  throw new UserError(`--recipient-cap expects mails and a time such as 5/1h, or off, got ${JSON.stringify(text)}`);
}

async function readSns(io: Io, flags: ServeFlags): Promise<SnsSettings> {
  const topicArns = (flags.snsTopicArn ?? []).flatMap((typed) => typed.split(/[\s,]+/)).filter((arn) => arn !== "");
  const wrong = topicArns.find((arn) => parseTopicArn(arn) === null);
  if (wrong !== undefined) {
    throw new UserError(
      `--sns-topic-arn expects arn:aws:sns:<region>:<account>:<name>, got ${JSON.stringify(wrong)}`,
      "aws sns list-topics shows it",
    );
  }
  return {
    topicArns,
    rawSecret: secretOf(io, "SES_MAIL_SNS_RAW_SECRET"),
    trustedKeys: await Promise.all((flags.snsTrust ?? []).map((file) => readPublicKey(resolve(io.cwd, file)))),
    maxAgeMs: parseDuration(flags.snsMaxAge, "--sns-max-age", 1),
  };
}

async function readPublicKey(path: string): Promise<KeyObject> {
  const pem = await readBytes(path, "the public key");
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // Not a key: refused below.
  }
  throw new UserError(`--sns-trust expects a PEM file with an RSA public key or certificate, got ${path}`);
}

/** A secret of the environment; null: it is not set. Its text is in no message, not even when it is refused. */
function secretOf({ env }: Io, variable: string): string | null {
  const secret = env[variable];
  if (secret === undefined) return null;
  if (secret.trim().length >= LEAST_SECRET) return secret.trim();
  throw new UserError(
    `${variable} expects ${LEAST_SECRET} characters or more, got ${secret.trim().length}`,
    "make one with: openssl rand -hex 24",
  );
}
