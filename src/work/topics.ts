import type { Context } from "./context.ts";
import { eachTopic } from "./each-topic.ts";
import { EXIT } from "../errors.ts";
import { jsonLines, writeLines } from "./output.ts";
import { isoTime } from "../time/iso.ts";
import { type Local, shortTime, zoneOf } from "../time/short.ts";
import { STATES } from "../message.ts";
import { printableLines } from "../printable.ts";
import type { TopicRow } from "../store/rows.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** `topics`: prints every topic, when it is due, and how many of its messages are in each state. Memory does not grow with them. */
export async function listTopics(context: Context): Promise<number> {
  const { io, terminal, globals, openStore } = context;
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  if (globals.json) await writeLines(context, null, jsonLines("topics", toJsons(eachTopic(store))));
  else if ((await store.countTopics()) === 0) terminal.result("no topics yet");
  else await writeLines(context, null, tableLines(eachTopic(store), terminal, { now: io.clock.now() }));
  return EXIT.done;
}

/** Options of `topics`. */
export interface TopicsFlags {
  /** True: print names only. */
  names?: boolean;
}

/** `topics --names`: prints the name of each topic, one a line, for scripts and for completion. */
export async function nameTopics(context: Context): Promise<number> {
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const names = namesOf(eachTopic(store));
  const lines = context.globals.json ? jsonLines("topics", names) : nameLines(names);
  await writeLines(context, null, lines);
  return EXIT.done;
}

async function* namesOf(rows: AsyncIterable<TopicRow>): AsyncGenerator<string> {
  for await (const { topic } of rows) yield topic;
}

async function* nameLines(names: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const name of names) yield printableLines(`${name}\n`);
}

async function* toJsons(rows: AsyncIterable<TopicRow>) {
  for await (const row of rows) yield toJson(row);
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

async function* tableLines(rows: AsyncIterable<TopicRow>, terminal: Terminal, local: Local): AsyncGenerator<string> {
  let namesTimes = false;
  const cells = async function* (): AsyncGenerator<(string | number)[]> {
    for await (const row of rows) {
      namesTimes ||= isScheduled(row, local.now);
      yield [row.topic, dueText(row, local), row.total, ...STATES.map((state) => row[state])];
    }
  };
  yield* terminal.tableLines(["topic", "due", "total", ...STATES], cells(), "fits");
  if (namesTimes) yield `\ntimes are those of ${zoneOf(local)}\n`;
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
