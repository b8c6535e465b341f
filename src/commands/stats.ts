import { Option } from "commander";
import type { Line } from "../report/breakdown.ts";
import type { StatsFlags } from "../work/stats.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { parseCount } from "./options.ts";

const FORMATS = ["table", "json", "csv"] satisfies StatsFlags["format"][];
const BY = ["hour", "domain", "list", "bounce-reason", "failure", "link"] satisfies Line[];

/** Declares `stats`. */
export const addStats: AddCommand = (command, act) => {
  command
    .argument("[topic]")
    .addOption(new Option("--format <format>", "output format (default: table, or json with --json)").choices(FORMATS))
    .option("--output <file>", "write to this file instead of stdout")
    .option("--hours <n>", "only what was sent in the last n hours", parseCount("--hours"))
    .addOption(new Option("--by <line>", "break one topic down (hours are UTC)").choices(BY))
    .option("--top <n>", "with --by: show the n most frequent and sum up the rest (default: 20)", parseCount("--top"))
    .option("--excel", "with --format csv: begin with a byte order mark, so that Excel reads every language")
    .option("--raw", "write cells as they are, even those that a spreadsheet would run as formulas")
    .action(
      act<StatsFlags>(async (context, flags, [topic]) => {
        const { stats } = await import("../work/stats.ts");
        return stats(context, topic ?? null, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail stats june", "shows the counts of one topic"],
    ["ses-mail stats june --by domain --top 10", "shows where its mail bounces"],
    ["ses-mail stats --format csv --output stats.csv", "writes a file for a spreadsheet"],
  ]);
};
