/**
 * Names by which older programs called settings, so that their environments go on working. Names such as `STREAM` mean something
 * else to other programs, so they are read only when the inlet that they belong to is on.
 */
import type { Command, Option } from "commander";
import { UserError } from "../errors.ts";
import { parseRedis, shown } from "./broker-options.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What the environment of an older program gave. It is told in the log. */
interface OldNames {
  /** Such as `STREAM gives --nats-stream`, in no special order. */
  used: string[];
  /** Variables that are set and do nothing here. */
  ignored: string[];
}

/** A setting, and the variables that may give it. The first one that is set counts. */
interface OldName {
  option: string;
  variables: readonly string[];
}

const OF_NATS: readonly OldName[] = [
  { option: "natsStream", variables: ["NATS_STREAM", "STREAM"] },
  { option: "natsSubject", variables: ["NATS_SUBJECT", "SUBJECT"] },
  { option: "natsConsumer", variables: ["CONSUMER"] },
  { option: "results", variables: ["NATS_RESULTS"] },
];

const OF_REDIS: readonly OldName[] = [
  { option: "redisStream", variables: ["REDIS_STREAM_NAME"] },
  { option: "redisGroup", variables: ["REDIS_CONSUMER_GROUP"] },
  { option: "maxAttempts", variables: ["REDIS_MAX_RETRIES"] },
];

const OF_BOTH: readonly OldName[] = [
  { option: "rate", variables: ["SES_RATE_PER_SEC"] },
  { option: "from", variables: ["FROM_EMAIL", "SES_FROM_EMAIL"] },
  { option: "concurrency", variables: ["CONCURRENCY_LIMIT"] },
];

/** There is no scheduler to wait for, and the pause before another attempt is ours. */
const IGNORED = { nats: ["BATCH_SIZE", "SCHEDULER_INTERVAL"], redis: ["REDIS_RETRY_DELAY"] } as const;

/**
 * Gives a command that has options for brokers the values of older programs' variables, where neither the command line nor a variable
 * of ours gave one, and notes as `oldNames` among its values what it took. `NATS_URL` and `REDIS_HOST` switch their inlets on; an
 * empty variable is none. Does nothing to any other command.
 * @throws UserError, which names the variable, for a value that cannot be used.
 */
export function takeOldNames(command: Command, env: Env): void {
  if (optionOf(command, "nats") === undefined) return;
  const taking = new Taking(command, env);
  taking.take({ option: "nats", variables: ["NATS_URL"] });
  taking.takeRedis();
  const has = { nats: isGiven(command, "nats"), redis: isGiven(command, "redis") };
  if (has.nats) taking.takeAll(OF_NATS, IGNORED.nats);
  if (has.redis) taking.takeAll(OF_REDIS, IGNORED.redis);
  if (has.nats || has.redis) taking.takeAll(OF_BOTH, []);
  command.setOptionValue("oldNames", taking.names);
}

class Taking {
  readonly names: OldNames = { used: [], ignored: [] };
  readonly #command: Command;
  readonly #env: Env;

  constructor(command: Command, env: Env) {
    this.#command = command;
    this.#env = env;
  }

  takeAll(names: readonly OldName[], ignored: readonly string[]): void {
    for (const name of names) this.take(name);
    this.names.ignored.push(...ignored.filter((variable) => this.#value(variable) !== ""));
  }

  take({ option, variables }: OldName): void {
    const variable = variables.find((each) => this.#value(each) !== "");
    const declared = optionOf(this.#command, option);
    if (variable === undefined || declared === undefined || isGiven(this.#command, option)) return;
    this.#set(declared, [variable], parsed(declared, variable, this.#value(variable)));
  }

  /** Four variables are one address. */
  takeRedis(): void {
    const declared = optionOf(this.#command, "redis");
    if (declared === undefined || isGiven(this.#command, "redis") || this.#value("REDIS_HOST") === "") return;
    const variables = ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DATABASE"];
    const used = variables.filter((variable) => this.#value(variable) !== "");
    this.#set(
      declared,
      used,
      redisUrl((variable) => this.#value(variable)),
    );
  }

  #value(variable: string): string {
    return (this.#env[variable] ?? "").trim();
  }

  #set(option: Option, variables: readonly string[], value: unknown): void {
    this.#command.setOptionValueWithSource(option.attributeName(), value, "env");
    const give = variables.length === 1 ? "gives" : "give";
    this.names.used.push(`${variables.join(", ")} ${give} ${option.long ?? ""}`);
  }
}

function optionOf(command: Command, name: string): Option | undefined {
  return command.options.find((option) => option.attributeName() === name);
}

/** Whether the command line or the environment gave it. */
function isGiven(command: Command, name: string): boolean {
  const source = command.getOptionValueSource(name);
  return source !== undefined && source !== "default";
}

/** The value as the option reads it. What it says of a value that cannot be used names the variable in its place. */
function parsed({ parseArg, long }: Option, variable: string, text: string): unknown {
  try {
    return parseArg ? parseArg(text, undefined) : text;
  } catch (error) {
    if (!(error instanceof UserError) || !long) throw error;
    throw new UserError(error.message.replace(long, variable), error.hint);
  }
}

function redisUrl(value: (variable: string) => string): string {
  const host = value("REDIS_HOST");
  const port = value("REDIS_PORT") || "6379";
  const database = value("REDIS_DATABASE") || "0";
  if (!/^[^\s/@?#]+$/.test(host))
    throw new UserError(`REDIS_HOST expects the name or address of a host, got ${shown(host)}`);
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw new UserError(`REDIS_PORT expects a whole number from 1 to 65535, got ${JSON.stringify(port)}`);
  if (!/^\d{1,9}$/.test(database))
    throw new UserError(`REDIS_DATABASE expects a whole number, got ${JSON.stringify(database)}`);
  const password = value("REDIS_PASSWORD");
  const login = password === "" ? "" : `:${encodeURIComponent(password)}@`;
  const isBareIpv6 = host.includes(":") && !host.startsWith("[");
  return parseRedis(`redis://${login}${isBareIpv6 ? `[${host}]` : host}:${port}/${database}`);
}
