/** What is said on a new connection, and what is looked at before anything is read. */
import { UserError } from "../../errors.ts";
import type { Address } from "./address.ts";
import { type Command, type ClientClass, type Line, newLine } from "./line.ts";
import { away, FOREIGN, NO_ANSWER, RedisProblem } from "./problem.ts";

/** For an answer of a server that is asked for the first time. */
const ANSWER_MS = 5_000;
/** The first version with XAUTOCLAIM, XPENDING … IDLE and exclusive ranges (redis.io, "XPENDING"). */
const OLDEST = [6, 2] as const;

/** Answers that no waiting changes, as long as the settings have never worked. */
const WRONG_SETTINGS: ReadonlySet<string | null> = new Set([
  "NOAUTH",
  "WRONGPASS",
  "DENIED",
  "NOPERM",
  "MOVED",
  "WRONGTYPE",
  FOREIGN,
]);
/** The same of failures that have no answer: the certificate of the other side, or no TLS there at all. */
const WRONG_TLS = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/;

/** A problem that lies in the settings as a UserError, any other as it is. */
export function ofSettings(problem: unknown): unknown {
  if (!(problem instanceof RedisProblem)) return problem;
  const { code, message, hint } = problem;
  if (WRONG_SETTINGS.has(code)) return new UserError(message, hint);
  if (/ DB index is out of range/.test(message))
    return new UserError(
      message,
      "the number behind the host, or REDIS_DATABASE, has to be lower than databases in redis.conf (16)",
    );
  if (code !== null || !WRONG_TLS.test(message)) return problem;
  return new UserError(
    message,
    "check rediss:// and the host; NODE_EXTRA_CA_CERTS names the file of a private authority",
  );
}

/**
 * Connects, says who we are and chooses the database, until `signal` aborts. `look` may throw, too.
 * @throws RedisProblem, or UserError when the address or the password is wrong.
 */
export async function openLine(
  Client: ClientClass,
  address: Address,
  signal: AbortSignal,
  look: (line: Line) => Promise<void> = async () => undefined,
): Promise<Line> {
  const line = newLine(Client, address);
  const stop = () => line.end("the connection was closed");
  signal.addEventListener("abort", stop, { once: true });
  try {
    await connect(line, address);
    await authenticate(line, address);
    if (address.database !== 0) await ask(line, ["SELECT", address.database]);
    // Says so when a password is missing, or when the server is still loading. A user need not have the right to it.
    await ask(line, ["PING"], "NOPERM");
    await line.exchange([["CLIENT", "SETNAME", "ses-mail"]], ANSWER_MS);
    await look(line);
    return line;
  } catch (error) {
    line.end("the connection could not be used");
    throw ofSettings(error);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A server without TLS takes the first word of TLS for the beginning of a command, and waits for the rest. */
async function connect(line: Line, { tls, shown }: Address): Promise<void> {
  try {
    await line.connect();
  } catch (problem) {
    const isSilent = problem instanceof RedisProblem && problem.message === away(shown, NO_ANSWER).message;
    throw tls && isSilent ? away(shown, `${NO_ANSWER} to TLS; is it a port without? Then write redis://`) : problem;
  }
}

async function authenticate(line: Line, { username, password }: Address): Promise<void> {
  if (username === "" && password === "") return;
  const [reply] = await line.exchange([["AUTH", ...(username === "" ? [] : [username]), password]], ANSWER_MS);
  // A password too many does no harm.
  const unneeded = reply instanceof RedisProblem && /without any password configured/.test(reply.message);
  if (reply instanceof RedisProblem && !unneeded) throw reply;
}

/** @throws RedisProblem, unless its code is `harmless`. */
async function ask(line: Line, command: Command, harmless?: string): Promise<unknown> {
  const [reply] = await line.exchange([command], ANSWER_MS);
  if (reply instanceof RedisProblem && reply.code !== harmless) throw reply;
  return reply;
}

/**
 * Looks whether the server can do what we need and keeps what it is given. What may not be looked at is taken for good.
 *
 * Resolves to warnings, each with what to change.
 * @throws UserError when it is older than 6.2.
 */
export async function inspect(line: Line, { shown }: Address): Promise<string[]> {
  const sections: Command[] = ["server", "persistence", "memory"].map((section) => ["INFO", section]);
  const info = (await line.exchange(sections, ANSWER_MS)).filter((reply) => reply instanceof Buffer).join("\r\n");
  const value = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(info)?.[1] ?? null;
  const version = value("redis_version");
  if (version !== null && isTooOld(version))
    throw new UserError(`Redis at ${shown} is version ${version}, and an inlet needs 6.2 or later`, "update Redis");
  const policy = value("maxmemory_policy");
  return [
    value("aof_enabled") === "0" &&
      "redis: appendonly is off: jobs that no worker has accepted yet are lost when Redis restarts. Set appendonly yes.",
    policy?.startsWith("allkeys-") === true &&
      `redis: maxmemory-policy is ${policy}: jobs may vanish before they are read. Set noeviction.`,
  ].filter((warning) => warning !== false);
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
