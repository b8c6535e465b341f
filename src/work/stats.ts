/** The `stats` command at work: messages counted by state and by what came back. */
import type { Context } from "./context.ts";
import { eachTopic } from "./each-topic.ts";
import { EXIT, UserError } from "../errors.ts";
import { NO_MESSAGES, zeros } from "../message.ts";
import { csvFile, jsonLines, outputPath, writeLines } from "./output.ts";
import type { Line } from "../report/breakdown.ts";
import type { TopicCounts, TopicStats } from "../report/stats.ts";
import { removedNote } from "./removed.ts";
import type { SentCounts, TopicRow } from "../store/rows.ts";
import { EVENT_COUNTERS, knownCounts } from "../store/rules/event-counters.ts";
import type { Reader, Topics } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";

/** Options of `stats`. */
export interface StatsFlags {
  format?: "table" | "json" | "csv";
  output?: string;
  /** Counts only what was sent in the last so many hours. */
  hours?: number;
  raw?: boolean;
  /** With CSV: begins it with a byte order mark. */
  excel?: boolean;
  /** Counts one topic along this line. */
  by?: Line;
  /** With `by`: how many of the most frequent rows; 20 when not given. */
  top?: number;
}

const HOUR_MS = 3_600_000;
const TOP = 20;

/** `stats`: of one topic; null: of all. Throws `UserError` for an unknown topic and for options that do not go together. */
export async function stats(context: Context, name: string | null, flags: StatsFlags): Promise<number> {
  const { io, globals, terminal } = context;
  checkFlags(name, flags, globals.json);
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const topic = name === null ? null : await storedTopic(store, name);
  const format = flags.format ?? (globals.json ? "json" : "table");
  const lines =
    topic !== null && flags.by !== undefined
      ? [await breakdownOf(context, store, { topic, by: flags.by, format, flags })]
      : await countersOf(context, store, { topic, format, flags });
  const output = outputPath(io.cwd, flags.output);
  await writeLines(context, output, csvFile(lines, flags));
  if (output !== null) terminal.info(`wrote ${output}`);
  return EXIT.done;
}

function checkFlags(topic: string | null, { by, hours, top, format, excel }: StatsFlags, json: boolean): void {
  if (by === undefined && top !== undefined) throw new UserError("--top expects --by, got none", "add --by domain");
  if (by !== undefined && topic === null)
    throw new UserError("--by expects one topic, got none", `ses-mail stats <topic> --by ${by}`);
  if (by !== undefined && hours !== undefined)
    throw new UserError("--by counts the whole topic, got --hours too", "leave one of the two out");
  if (excel && format !== "csv")
    throw new UserError(
      `--excel expects --format csv, got ${format ?? (json ? "--json" : "none")}`,
      "add --format csv",
    );
  if (json && format !== undefined && format !== "json")
    throw new UserError(`--json and --format ${format} exclude each other`, "give one of them");
}

interface Asked {
  format: "table" | "json" | "csv";
  flags: StatsFlags;
}

/** The lines of the answer, made one by one, because there may be very many topics. */
async function countersOf(
  { io, terminal }: Context,
  store: Topics & Reader,
  { topic, format, flags }: Asked & { topic: string | null },
): Promise<AsyncIterable<string>> {
  const { statsCsv, statsTable } = await import("../report/stats.ts");
  const notes = createNotes();
  const rows = await count(store, topic, flags.hours, notes.take);
  if (format === "csv") return statsCsv(rows, { raw: flags.raw ?? false });
  if (format === "json") return topic === null ? jsonLines("topics", rows) : objectLine(rows);
  return withNote(statsTable(rows, terminal, { now: io.clock.now() }), notes.text);
}

async function* objectLine(rows: AsyncIterable<TopicStats>): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(row)}\n`;
}

async function* withNote(lines: AsyncIterable<string>, noteOf: () => string): AsyncGenerator<string> {
  yield* lines;
  const note = noteOf();
  if (note !== "") yield note;
}

/** So many names at most stand in a note. */
const NAMED = 5;

/** Topics of which something is to be said: how many, and the names of the first. */
interface Named {
  names: string[];
  count: number;
}

/** What is to be said below a table of the topics that were taken in. */
function createNotes() {
  const [rehearsed, pruned]: [Named, Named] = [
    { names: [], count: 0 },
    { names: [], count: 0 },
  ];
  let topics = 0;
  const add = (to: Named, name: string) => {
    if (++to.count <= NAMED) to.names.push(name);
  };
  return {
    take({ topic, endpoint, prunedAt }: TopicRow): void {
      topics++;
      if (endpoint === "sandbox") add(rehearsed, topic);
      if (prunedAt !== null) add(pruned, topic);
    },
    text: (): string => rehearsalNote(rehearsed, topics) + prunedNote(pruned, topics),
  };
}

/** Says which of the topics never left this machine; nothing when all are real. */
function rehearsalNote(rehearsed: Named, topics: number): string {
  if (rehearsed.count === 0) return "";
  return topics === 1 ? "a rehearsal: nothing left this machine\n" : `only rehearsed: ${named(rehearsed)}\n`;
}

/** Says of which topics only the totals are left; nothing when all have their messages. */
function prunedNote(pruned: Named, topics: number): string {
  if (pruned.count === 0) return "";
  return topics === 1
    ? "pruned: only these totals are left of it\n"
    : `pruned, with only totals left: ${named(pruned)}\n`;
}

function named({ names, count: all }: Named): string {
  const shown = names.map((name) => `"${name}"`);
  return [...shown, ...(all > NAMED ? [`${all - NAMED} more`] : [])].join(", ");
}

async function breakdownOf({ io, terminal }: Context, store: Reader, asked: Asked & { topic: string; by: Line }) {
  const { topic, by, format, flags } = asked;
  const { breakdownBy, breakdownCsv, breakdownText } = await import("../report/breakdown.ts");
  const [table, removed] = await store.breakdown(topic, io.signal, async (lines) => [
    await breakdownBy(by, lines, flags.top ?? TOP),
    lines.topic.removed,
  ]);
  if (removed > 0) terminal.info(removedNote(topic, removed));
  if (format === "csv") return breakdownCsv(table, { raw: flags.raw ?? false });
  if (format === "json")
    return `${JSON.stringify({ topic, by, rows: table.rows, others: table.others, ...(removed > 0 && { removed }) })}\n`;
  return `${await breakdownText(table, terminal)}\n`;
}

/** The rows of the answer. `take` is told of each topic. */
async function count(
  store: Topics & Reader,
  topic: string | null,
  hours: number | undefined,
  take: (row: TopicRow) => void,
): Promise<AsyncIterable<TopicStats & { endpoint?: "sandbox" }>> {
  const { countsOf, withRates } = await import("../report/stats.ts");
  // An unknown topic must be an error, not an empty answer, so ask for it by name first.
  if (topic !== null) await store.totals(topic);
  const one = topic === null ? null : await store.topic(topic);
  const recent = hours === undefined ? null : await store.sentWithin(hours * HOUR_MS);
  const rows = async function* (): AsyncGenerator<TopicStats & { endpoint?: "sandbox" }> {
    for await (const row of one === null ? eachTopic(store) : [one]) {
      take(row);
      const stats = withRates(recent === null ? countsOf(row) : recentCounts(row, recent.get(row.topic)));
      // Only a rehearsal needs saying.
      yield row.endpoint === "sandbox" ? { ...stats, endpoint: row.endpoint } : stats;
    }
  };
  return rows();
}

/** With `--hours` only what was sent in that time counts, so `total` is the same as `sent`. */
function recentCounts(row: TopicRow, recent: SentCounts | undefined): TopicCounts {
  const { first, last, sent, ...events } = recent ?? { ...zeros(EVENT_COUNTERS), sent: 0, first: null, last: null };
  const counts = { ...NO_MESSAGES, ...events, topic: row.topic, total: sent, sent };
  return knownCounts({ ...counts, first_sent_at: first, last_sent_at: last }, row);
}
