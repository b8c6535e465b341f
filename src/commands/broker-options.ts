/** The options of `serve` and `work` for brokers, and what their values may be. */
import type { Command } from "commander";
import { UserError } from "../errors.ts";
import { type Needs, refuseLonely } from "./lonely.ts";
import { GROUPS, parseCount, setting } from "./options.ts";

/** How addresses of servers may begin. */
const NATS_SCHEMES = new Set(["nats:", "tls:"]);
const REDIS_SCHEMES = new Set(["redis:", "rediss:"]);

/** Adds the options for inlets and the outlet. Returns `command`. */
export function addBrokerOptions(command: Command): Command {
  command.optionsGroup(GROUPS.brokers);
  addNatsOptions(command);
  addRedisOptions(command);
  return addOutletOptions(
    command.addOption(
      setting(
        "--inlet-max-pending <n>",
        "INLET_MAX_PENDING",
        "take mail in from brokers only while fewer messages than this are pending",
      )
        .argParser(parseCount("--inlet-max-pending"))
        .default(1_000_000),
    ),
  );
}

function addNatsOptions(command: Command): void {
  command
    .addOption(
      setting(
        "--nats <url>",
        "NATS",
        "take mail in from this NATS server (JetStream); several with commas: one cluster",
      ).argParser(parseNats),
    )
    .addOption(
      setting("--nats-stream <name>", "NATS_STREAM", "its stream, made when it is missing")
        .argParser(nameOf("--nats-stream"))
        .default("messages"),
    )
    .addOption(
      setting("--nats-subject <subject>", "NATS_SUBJECT", "the subject of the mail in that stream")
        .argParser(subjectOf("--nats-subject", "with or without wildcards"))
        .default("messages.email"),
    )
    .addOption(
      setting("--nats-consumer <name>", "NATS_CONSUMER", "the durable consumer, shared by all who take mail in")
        .argParser(nameOf("--nats-consumer"))
        .default("email-processor"),
    )
    .addOption(setting("--nats-creds <file>", "NATS_CREDS", "credentials for the NATS server, a .creds file"));
}

function addRedisOptions(command: Command): void {
  command
    .addOption(
      setting("--redis <url>", "REDIS", "take jobs in from this Redis server, redis://host:6379/0").argParser(
        parseRedis,
      ),
    )
    .addOption(
      setting("--redis-stream <key>", "REDIS_STREAM", "the stream of the jobs")
        .argParser(keyOf("--redis-stream"))
        .default("email:send"),
    )
    .addOption(
      setting("--redis-group <name>", "REDIS_GROUP", "the group, shared by all who take jobs in")
        .argParser(keyOf("--redis-group"))
        .default("email:workers"),
    )
    .addOption(
      setting("--templates <dir>", "TEMPLATES", "templates of jobs that the store does not have, as <name>.html"),
    );
}

function addOutletOptions(command: Command): Command {
  return command
    .addOption(
      setting("--outlet <broker>", "OUTLET", "hand mail over to this broker, for others to send; no SES").choices([
        "nats",
      ]),
    )
    .addOption(
      setting(
        "--outlet-timeout <duration>",
        "OUTLET_TIMEOUT",
        "what nobody reported on for this long is in doubt",
      ).default("24h"),
    )
    .addOption(
      setting(
        "--results <subject>",
        "RESULTS",
        "report on NATS what became of mail; with --outlet: where others report (default: messages.results)",
      ).argParser(subjectOf("--results")),
    );
}

/** What an option does nothing without: one of these. */
const NEEDS: Needs = {
  "--nats-stream": ["--nats"],
  "--nats-subject": ["--nats"],
  "--nats-consumer": ["--nats"],
  "--nats-creds": ["--nats"],
  "--results": ["--nats"],
  "--redis-stream": ["--redis"],
  "--redis-group": ["--redis"],
  "--templates": ["--redis"],
  "--inlet-max-pending": ["--nats", "--redis"],
  "--outlet-timeout": ["--outlet"],
};

/**
 * Refuses an option for brokers whose broker is not given. Does nothing to a command that works with no broker.
 * @throws UserError
 */
export function refuseBrokerless(command: Command): void {
  if (command.options.some(({ long }) => long === "--outlet")) refuseLonely(command, NEEDS, GIVE);
}

const GIVE: Readonly<Record<string, string>> = {
  "--nats": "--nats nats://127.0.0.1:4222",
  "--redis": "--redis redis://127.0.0.1:6379",
  "--outlet": "--outlet nats",
};

/** The addresses of one NATS cluster, from a text with commas. @throws UserError, without their passwords. */
function parseNats(text: string): string[] {
  const urls = text.split(/[\s,]+/).filter((url) => url !== "");
  const wrong = urls.find((url) => !isAddress(url.includes("://") ? url : `nats://${url}`, NATS_SCHEMES));
  if (urls.length > 0 && wrong === undefined) return urls;
  throw new UserError(`--nats expects addresses such as nats://127.0.0.1:4222, got ${shownPart(wrong ?? text, text)}`);
}

/** What is wrong with a list of addresses. A password with a comma in it is cut there, so its first half has no @ behind it. */
const shownPart = (part: string, all: string): string =>
  all.includes("@") && !part.includes("@")
    ? "one that cannot be read; write %2C for , and %20 for a space"
    : shown(part);

/** An address of a Redis server as it was given. @throws UserError, without its password. */
export function parseRedis(text: string): string {
  const url = text.trim();
  if (isAddress(url, REDIS_SCHEMES) && /^\/?\d{0,9}$/.test(new URL(url).pathname)) return url;
  throw new UserError(`--redis expects an address such as redis://127.0.0.1:6379/0, got ${shown(text)}`);
}

function isAddress(text: string, schemes: ReadonlySet<string>): boolean {
  // URL takes no port 0, but a broker does not listen there either.
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && schemes.has(url.protocol) && url.hostname !== "" && url.port !== "0";
}

/** The text in quotes, without what stands before an @: it may be a password, even in an address that cannot be read. */
export function shown(url: string): string {
  return JSON.stringify(url.replace(/[^/]*(?:\/\/)?.*@/s, (secret) => (secret.includes("//") ? "…//…@" : "…@")));
}

/** Streams and consumers are names without dots (NATS, "Naming"). */
function nameOf(option: string): (text: string) => string {
  return checked(/^[^\s.*>/\\\p{Cc}]{1,255}$/u, `${option} expects a name without spaces, dots, * and >`);
}

function subjectOf(option: string, wildcards?: string): (text: string) => string {
  const token = wildcards === undefined ? String.raw`[^\s.*>\p{Cc}]+` : String.raw`(?:\*|[^\s.*>\p{Cc}]+)`;
  const end = wildcards === undefined ? "" : String.raw`|(?:${token}\.)*>`;
  const form = wildcards === undefined ? "without wildcards" : wildcards;
  return checked(new RegExp(`^(?:${token}(?:\\.${token})*${end})$`, "u"), `${option} expects a subject ${form}`);
}

function keyOf(option: string): (text: string) => string {
  return checked(/^[^\s\p{Cc}]{1,255}$/u, `${option} expects a name without spaces`);
}

function checked(form: RegExp, expectation: string): (text: string) => string {
  return (text) => {
    const name = text.trim();
    if (form.test(name)) return name;
    throw new UserError(`${expectation}, got ${JSON.stringify(text)}`);
  };
}
