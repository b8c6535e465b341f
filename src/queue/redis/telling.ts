/** What is told back to those who gave jobs to Redis, and the templates they keep there. */
import { utf8Text } from "../../json.ts";
import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { isAboutKey, RedisProblem } from "./problem.ts";

const STATUS_SECONDS = 86_400;
/** Commands in one go. */
const AT_ONCE = 1_000;
/** Most bytes of a template. A key may hold 512 MB, which would take longer than an answer may. */
const MOST_TEMPLATE = 10 * 1024 * 1024;

/** A job and the state it is in. */
export interface Status {
  readonly id: string;
  readonly state: string;
  /** True: only when there is no status of the job yet. */
  readonly onlyNew?: boolean;
}

/** Sets statuses, which are kept for a day. */
export async function setStatus(asks: Connection, keys: Keys, statuses: readonly Status[]): Promise<void> {
  const commands = statuses.map(({ id, state, onlyNew }): Command => {
    const only = onlyNew === true ? ["NX"] : [];
    return ["SET", keys.status(id), state, "EX", STATUS_SECONDS, ...only];
  });
  for (let at = 0; at < commands.length; at += AT_ONCE) await asks.run(commands.slice(at, at + AT_ONCE));
}

/** How far an issue is, in messages. */
interface Progress {
  completed: number;
  total: number;
}

/**
 * Makes what tells all who listen right now how far an issue is. `percentage` is whole, and 100 only at the end. Redis gives a new user the
 * right to no channel; that it is missing is told once, and holds nothing up.
 */
export function createProgress({ keys, asks, tell }: { keys: Keys; asks: Connection; tell(text: string): void }) {
  let isTold = false;
  return async (issueId: string, { completed, total }: Progress): Promise<void> => {
    const channel = keys.progress(issueId);
    const percentage = completed >= total ? 100 : Math.floor((100 * completed) / total);
    const text = JSON.stringify({ completed, total, percentage });
    const [reply] = await asks.runEach([["PUBLISH", channel, text]]);
    if (!(reply instanceof RedisProblem)) isTold = false;
    else if (reply.code !== "NOPERM") throw reply;
    else if (!isTold) {
      isTold = true;
      tell(`redis: progress is not published on ${channel}. ${reply.message}; ${reply.hint ?? ""}`);
    }
  };
}

/**
 * The text of a template; null when there is none. `problem`: why what is in its key is none, for people. That is nobody's business
 * but theirs who name it.
 * @throws RedisProblem when Redis cannot be asked.
 */
export async function readTemplate(asks: Connection, name: string): Promise<string | { problem: string } | null> {
  const key = `template:${name}`;
  // Who may only GET is not told how long it is.
  const [length] = await asks.runEach([["STRLEN", key]]);
  if (typeof length === "number" && length > MOST_TEMPLATE)
    return { problem: `the Redis key ${key} has ${length} bytes; expected ${MOST_TEMPLATE / 1024 / 1024} MB at most` };
  const [value] = await asks.runEach([["GET", key]]);
  if (value instanceof RedisProblem) return { problem: problemOfKey(key, value) };
  if (!(value instanceof Buffer)) return null;
  return utf8Text(value) ?? { problem: `the Redis key ${key} is no text in UTF-8` };
}

function problemOfKey(key: string, problem: RedisProblem): string {
  if (problem.code === "WRONGTYPE") return `the Redis key ${key} is no string`;
  if (isAboutKey(problem) || problem.code === "NOPERM")
    return `the Redis key ${key} cannot be read: ${problem.message}`;
  throw problem;
}
