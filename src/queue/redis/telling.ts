/** What is told back to those who gave jobs to Redis, and the templates they keep there. */
import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";

const STATUS_SECONDS = 86_400;
/** Commands in one go. */
const AT_ONCE = 1_000;

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

/** Tells all who listen right now how far an issue is. `percentage` is whole, and 100 only at the end. */
export async function publishProgress(
  asks: Connection,
  channel: string,
  { completed, total }: { completed: number; total: number },
): Promise<void> {
  const percentage = completed >= total ? 100 : Math.floor((100 * completed) / total);
  await asks.one(["PUBLISH", channel, JSON.stringify({ completed, total, percentage })]);
}

/** The text of a template; null when there is none. */
export async function readTemplate(asks: Connection, name: string): Promise<string | null> {
  const value = (await asks.one(["GET", `template:${name}`])) as Buffer | null;
  return value === null ? null : String(value);
}
