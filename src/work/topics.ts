import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { jsonLines, writeLines } from "./output.ts";
import { isoTime } from "../time/iso.ts";
import { type Local, shortTime, zoneOf } from "../time/short.ts";
import { STATES } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** `topics`: prints every topic, when it is due, and how many of its messages are in each state. */
export async function listTopics(context: Context): Promise<number> {
  const { io, terminal, globals, openStore } = context;
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const rows = await store.topics();
  if (globals.json) await writeLines(context, null, jsonLines("topics", toJsons(rows)));
  else if (rows.length === 0) terminal.result("no topics yet");
  else await writeLines(context, null, tableLines(rows, terminal, { now: io.clock.now() }));
  return EXIT.done;
}

/** Options of `topics`. */
export interface TopicsFlags {
  /** True: print names only. */
  names?: boolean;
}

/** `topics --names`: prints the name of each topic, one a line, for scripts and for completion. */
export async function nameTopics({ terminal, globals, openStore }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const names = (await store.topics()).map(({ topic }) => topic);
  if (globals.json) terminal.json({ topics: names });
  else for (const name of names) terminal.result(name);
  return EXIT.done;
}

function* toJsons(rows: readonly TopicRow[]) {
  for (const row of rows) yield toJson(row);
}

function toJson(row: TopicRow) {
  const states = Object.fromEntries(STATES.map((state) => [state, row[state]]));
  return {
    topic: row.topic,
    not_before: isoTime(row.notBefore),
    cancelled_at: isoTime(row.cancelledAt),
    paused_at: isoTime(row.pausedAt),
    paused_until: isoTime(row.pausedUntil),
    // Only a rehearsal needs saying.
    ...(row.endpoint === "sandbox" && { endpoint: row.endpoint }),
    total: row.total,
    ...states,
  };
}

async function* tableLines(rows: readonly TopicRow[], terminal: Terminal, local: Local): AsyncGenerator<string> {
  yield* terminal.tableLines(["topic", "due", "total", ...STATES], () => cellsOf(rows, local), "fits");
  if (rows.some((row) => isScheduled(row, local.now))) yield `\ntimes are those of ${zoneOf(local)}\n`;
}

function* cellsOf(rows: readonly TopicRow[], local: Local): Generator<(string | number)[]> {
  for (const row of rows) yield [row.topic, dueText(row, local), row.total, ...STATES.map((state) => row[state])];
}

function isScheduled({ cancelledAt, pending, notBefore }: TopicRow, now: number): boolean {
  return cancelledAt === null && pending > 0 && notBefore !== null && notBefore > now;
}

/** What the topic waits for; empty when nothing of it waits. */
function dueText(row: TopicRow, local: Local): string {
  const state = stateText(row, local);
  return row.endpoint === "sandbox" ? `${state} (rehearsal)`.trim() : state;
}

function stateText(row: TopicRow, local: Local): string {
  if (row.cancelledAt !== null) return "cancelled";
  if (row.pausedAt !== null)
    return row.pausedUntil === null ? "paused" : `paused until ${shortTime(row.pausedUntil, local)}`;
  if (row.pending === 0) return "";
  if (!isScheduled(row, local.now) || row.notBefore === null) return "at once";
  return shortTime(row.notBefore, local);
}
