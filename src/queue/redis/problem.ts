/** What goes wrong between Redis and us, in words for people. */
import { printable } from "../../printable.ts";
import { networkWords } from "../network-words.ts";
import { QueueUnreachable } from "../queue.ts";

/** Redis, or the way to it, did not do what we asked. None of this is a bug of ours: the same call may succeed later. */
export class RedisProblem extends QueueUnreachable {
  /** The first word of Redis' answer, such as NOGROUP. Null: there was no answer. */
  readonly code: string | null;

  constructor(message: string, hint: string | null = null, code: string | null = null) {
    super(message, hint);
    this.code = code;
  }
}

/** By the first word of an answer (redis.io, "Errors", and src/server.c of Redis): what it means, and what to do. */
const WORDS: Record<string, readonly [means: string, hint: string | null]> = {
  NOAUTH: [
    "wants a password",
    "give it in the address of SES_MAIL_REDIS, redis://:<password>@<host>, or as REDIS_PASSWORD beside REDIS_HOST",
  ],
  WRONGPASS: [
    "does not accept the user name and password",
    "check them: special characters are %-encoded in the address (--redis, SES_MAIL_REDIS), and written as they are in REDIS_PASSWORD",
  ],
  READONLY: ["is a replica, which takes no writes", "name the primary in the address"],
  MASTERDOWN: ["is a replica that has lost its primary", null],
  LOADING: ["is still loading its data", null],
  OOM: ["has no memory left", "raise its maxmemory, or let workers read more quickly"],
  MISCONF: ["takes no writes because it cannot save its data to the disk", "see the log of Redis"],
  MOVED: ["is a node of a cluster that does not hold the stream", "a cluster is not supported: use one primary"],
  CLUSTERDOWN: ["is a node of a cluster that is down", null],
  NOPERM: ["does not allow what an inlet needs", "ACL SETUSER gives the right"],
  WRONGTYPE: ["has a key of another type where the stream or a set belongs", "check the name of the stream"],
};

/**
 * Whether an answer is about the key that was asked for, and Redis would answer for another one: it is of another type, not ours to
 * use, or on another node.
 */
export const isAboutKey = ({ code, message }: RedisProblem): boolean =>
  code === "WRONGTYPE" || code === "MOVED" || (code === "NOPERM" && /permissions? to access/i.test(message));

/** The code of a problem with an answer that no Redis gives. */
export const FOREIGN = "FOREIGN";
/** What the parsers of ioredis say of such an answer (redis-parser, and the one for RESP3). */
const NO_PROTOCOL = /^(?:Protocol error, got|Unknown RESP type)/;

/** The problem for whatever ioredis rejected with. `place`: from `Address.shown`. */
export function problemOf(error: unknown, place: string): RedisProblem {
  if (error instanceof RedisProblem) return error;
  const { name, message, code } = error as { name?: string; message?: string; code?: unknown };
  const said = printable(String(message ?? error)).slice(0, 300);
  if (NO_PROTOCOL.test(said))
    return new RedisProblem(
      `what answers at ${place} does not speak Redis' protocol`,
      "is it another server? Check host and port",
      FOREIGN,
    );
  if (name !== "ReplyError")
    return away(place, networkWords(code) ?? (typeof code === "string" && code !== "" ? code : said));
  const word = /^(?:ERR invalid password)/.test(said) ? "WRONGPASS" : (/^[A-Z]+/.exec(said)?.[0] ?? "ERR");
  const known = WORDS[word];
  if (known === undefined) return new RedisProblem(`Redis at ${place} answers: ${said}`, null, word);
  return new RedisProblem(`Redis at ${place} ${known[0]} (${said})`, known[1], word);
}

/** The reason when nothing comes from there. */
export const NO_ANSWER = "it does not answer";

/** There is no connection, or it leads nowhere. */
export const away = (place: string, reason: string): RedisProblem =>
  new RedisProblem(`Redis at ${place} cannot be reached (${reason})`);
