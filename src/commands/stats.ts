import { resolve } from "node:path";
import { Option } from "commander";
import { EXIT } from "../errors.ts";
import type { TopicCounts } from "../report/stats.ts";
import type { EventCounts, SentCounts, Store, TopicRow } from "../store/store.ts";
import type { AddCommand, Context } from "./command.ts";
import { parseCount } from "./options.ts";

interface Flags {
  format?: "table" | "json" | "csv";
  output?: string;
  hours?: number;
  raw?: boolean;
}

const HOUR_MS = 3_600_000;

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
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(act<Flags>((context, flags, [topic]) => stats(context, topic ?? null, flags)));
};

async function stats(context: Context, topic: string | null, flags: Flags): Promise<number> {
  const { io, globals, terminal } = context;
  const store = await context.openStore({ mustExist: true });
  const { withRates, statsCsv, statsTable } = await import("../report/stats.ts");
  const counts = await count(store, topic, flags.hours, io.clock.now());
  const rows = counts.map(withRates);
  const format = flags.format ?? (globals.json ? "json" : "table");
  const text =
    format === "csv"
      ? statsCsv(rows, { raw: flags.raw ?? false })
      : format === "json"
        ? `${JSON.stringify(topic === null ? { topics: rows } : rows[0])}\n`
        : `${await statsTable(rows, terminal)}\n`;
  if (flags.output === undefined && format === "table") terminal.result(text);
  else {
    const { writeOutput } = await import("../report/output.ts");
    const output = flags.output === undefined ? null : resolve(io.cwd, flags.output);
    await writeOutput(output, [text], io);
    if (output !== null) terminal.info(`wrote ${output}`);
  }
  return EXIT.done;
}

async function count(
  store: Store,
  topic: string | null,
  hours: number | undefined,
  now: number,
): Promise<TopicCounts[]> {
  // Asked by name first, so that an unknown topic is an error and not an empty answer.
  if (topic !== null) await store.totals(topic);
  const rows = (await store.topics()).filter((row) => topic === null || row.topic === topic);
  if (hours === undefined) return rows.map((row) => countsOf(row));
  const recent = await store.sentSince(now - hours * HOUR_MS);
  return rows.map((row) => recentCounts(row.topic, recent.get(row.topic)));
}

const NO_EVENTS: EventCounts = {
  delivered: 0,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  opened: 0,
  clicked: 0,
  rejected: 0,
  delayed: 0,
};

const NO_STATES = { pending: 0, sending: 0, sent: 0, in_doubt: 0, failed: 0, cancelled: 0, suppressed: 0 };

function countsOf({
  notBefore: _due,
  cancelledAt: _at,
  endpoint: _to,
  firstSentAt,
  lastSentAt,
  ...counts
}: TopicRow): TopicCounts {
  return { ...counts, first_sent_at: firstSentAt, last_sent_at: lastSentAt };
}

/** With `--hours` only what was sent then is spoken of, so `total` is that too. */
function recentCounts(topic: string, recent: SentCounts | undefined): TopicCounts {
  const { first, last, sent, ...events } = recent ?? { ...NO_EVENTS, sent: 0, first: null, last: null };
  return { ...NO_STATES, ...events, topic, total: sent, sent, first_sent_at: first, last_sent_at: last };
}
