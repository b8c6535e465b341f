import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { isoTime } from "../time/iso.ts";
import { localTime } from "../time/local.ts";
import { STATES } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";

/** `topics`: prints every topic, when it is due, and how many of its messages are in each state. */
export async function listTopics({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const rows = await store.topics();
  if (globals.json) terminal.json({ topics: rows.map(toJson) });
  else if (rows.length === 0) terminal.result("no topics yet");
  else terminal.result(await terminal.table(["topic", "due", "total", ...STATES], rows.map(toCells)));
  return EXIT.done;
}

/** Options of `topics`. */
export interface TopicsFlags {
  /** True: print names only. */
  names?: boolean;
}

/** `topics --names`: prints the name of each topic, one a line, for scripts and for completion. */
export async function nameTopics({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  const names = (await store.topics()).map(({ topic }) => topic);
  if (globals.json) terminal.json({ topics: names });
  else for (const name of names) terminal.result(name);
  return EXIT.done;
}

function toJson(row: TopicRow) {
  const states = Object.fromEntries(STATES.map((state) => [state, row[state]]));
  return {
    topic: row.topic,
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    paused_at: isoTime(row.pausedAt),
    paused_until: isoTime(row.pausedUntil),
    total: row.total,
    ...states,
  };
}

function toCells(row: TopicRow): (string | number)[] {
  return [row.topic, dueCell(row), row.total, ...STATES.map((state) => row[state])];
}

function dueCell({ cancelledAt, pausedAt, pausedUntil, notBefore }: TopicRow): string {
  if (cancelledAt !== null) return "cancelled";
  if (pausedAt !== null) return pausedUntil === null ? "paused" : `paused until ${localTime(pausedUntil)}`;
  return isoTime(notBefore) ?? "at once";
}
