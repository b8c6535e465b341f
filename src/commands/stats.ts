import { Option } from "commander";
import { EXIT, UserError } from "../errors.ts";
import { STATES, zeros } from "../message.ts";
import type { Line } from "../report/breakdown.ts";
import type { TopicCounts } from "../report/stats.ts";
import type { SentCounts } from "../store/rows.ts";
import type { Reader, Topics } from "../store/store.ts";
import { EVENT_COUNTERS } from "../store/rules/marks.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { parseCount, outputPath } from "./options.ts";

interface Flags {
  format?: "table" | "json" | "csv";
  output?: string;
  hours?: number;
  raw?: boolean;
  by?: Line;
  top?: number;
}

const HOUR_MS = 3_600_000;
const TOP = 20;
const BY = ["hour", "domain", "bounce-reason", "failure", "link"] satisfies Line[];

export const addStats: AddCommand = (program, act) => {
  program
    .command("stats")
    .description("count messages by state and by what came back, of one topic or of all")
    .argument("[topic]")
    .addOption(
      new Option("--format <format>", "how to print (default: table, json with --json)").choices([
        "table",
        "json",
        "csv",
      ]),
    )
    .option("--output <file>", "file instead of stdout")
    .option("--hours <n>", "only what was sent in the last n hours", parseCount("--hours"))
    .addOption(new Option("--by <line>", "one topic along a line (hours are UTC)").choices(BY))
    .option("--top <n>", `with --by: the n most frequent, the rest added up (default: ${TOP})`, parseCount("--top"))
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(act<Flags>((context, flags, [topic]) => stats(context, topic ?? null, flags)));
};

async function stats(context: Context, name: string | null, flags: Flags): Promise<number> {
  const { io, globals, terminal } = context;
  checkFlags(name, flags);
  if (globals.json && flags.format !== undefined && flags.format !== "json") {
    throw new UserError(`--json and --format ${flags.format} exclude each other`, "give one of them");
  }
  const store = await context.openStore({ mustExist: true });
  const topic = name === null ? null : await storedTopic(store, name);
  const format = flags.format ?? (globals.json ? "json" : "table");
  const text =
    topic !== null && flags.by !== undefined
      ? await oneLine(context, store, { topic, by: flags.by, format, flags })
      : await counters(context, store, { topic, format, flags });
  if (flags.output === undefined && format === "table") terminal.result(text);
  else {
    const { writeOutput } = await import("../report/output.ts");
    const output = outputPath(io.cwd, flags.output);
    await writeOutput(output, [text], io);
    if (output !== null) terminal.info(`wrote ${output}`);
  }
  return EXIT.done;
}

function checkFlags(topic: string | null, { by, hours, top }: Flags): void {
  if (by === undefined && top !== undefined) throw new UserError("--top expects --by, got none", "add --by domain");
  if (by === undefined) return;
  if (topic === null) throw new UserError("--by expects one topic, got none", `ses-mail stats <topic> --by ${by}`);
  if (hours !== undefined)
    throw new UserError("--by counts the whole topic, got --hours too", "leave one of the two out");
}

interface Asked {
  format: "table" | "json" | "csv";
  flags: Flags;
}

async function counters({ terminal }: Context, store: Topics & Reader, asked: Asked & { topic: string | null }) {
  const { topic, format, flags } = asked;
  const { withRates, statsCsv, statsTable } = await import("../report/stats.ts");
  const rows = (await count(store, topic, flags.hours)).map(withRates);
  if (format === "csv") return statsCsv(rows, { raw: flags.raw ?? false });
  if (format === "json") return `${JSON.stringify(topic === null ? { topics: rows } : rows[0])}\n`;
  return `${await statsTable(rows, terminal)}\n`;
}

async function oneLine({ io, terminal }: Context, store: Reader, asked: Asked & { topic: string; by: Line }) {
  const { topic, by, format, flags } = asked;
  const { breakdownBy, breakdownCsv, breakdownText } = await import("../report/breakdown.ts");
  const table = await store.breakdown(topic, io.signal, (lines) => breakdownBy(by, lines, flags.top ?? TOP));
  if (format === "csv") return breakdownCsv(table, { raw: flags.raw ?? false });
  if (format === "json") return `${JSON.stringify({ topic, by, rows: table.rows, others: table.others })}\n`;
  return `${await breakdownText(table, terminal)}\n`;
}

async function count(store: Topics & Reader, topic: string | null, hours: number | undefined): Promise<TopicCounts[]> {
  // Asked by name first, so that an unknown topic is an error and not an empty answer.
  if (topic !== null) await store.totals(topic);
  const { countsOf } = await import("../report/stats.ts");
  const rows = (await store.topics()).filter((row) => topic === null || row.topic === topic);
  if (hours === undefined) return rows.map(countsOf);
  const recent = await store.sentWithin(hours * HOUR_MS);
  return rows.map((row) => recentCounts(row.topic, recent.get(row.topic)));
}

/** With `--hours` only what was sent then is spoken of, so `total` is that too. */
function recentCounts(topic: string, recent: SentCounts | undefined): TopicCounts {
  const { first, last, sent, ...events } = recent ?? { ...zeros(EVENT_COUNTERS), sent: 0, first: null, last: null };
  return { ...zeros(STATES), ...events, topic, total: sent, sent, first_sent_at: first, last_sent_at: last };
}
