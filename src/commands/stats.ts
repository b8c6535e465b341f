import { Option } from "commander";
import type { Line } from "../report/breakdown.ts";
import type { StatsFlags } from "../work/stats.ts";
import type { AddCommand } from "./command.ts";
import { parseCount } from "./options.ts";

const FORMATS = ["table", "json", "csv"] satisfies StatsFlags["format"][];
const BY = ["hour", "domain", "bounce-reason", "failure", "link"] satisfies Line[];

/** Declares `stats`. */
export const addStats: AddCommand = (program, act) => {
  program
    .command("stats")
    .description("count messages by state and by what came back, of one topic or of all")
    .argument("[topic]")
    .addOption(new Option("--format <format>", "how to print (default: table, json with --json)").choices(FORMATS))
    .option("--output <file>", "file instead of stdout")
    .option("--hours <n>", "only what was sent in the last n hours", parseCount("--hours"))
    .addOption(new Option("--by <line>", "one topic along a line (hours are UTC)").choices(BY))
    .option("--top <n>", "with --by: the n most frequent, the rest added up (default: 20)", parseCount("--top"))
    .option(
      "--excel",
      "with --format csv: begin with a byte order mark, so that Excel reads the letters of every language",
    )
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(
      act<StatsFlags>(async (context, flags, [topic]) => {
        const { stats } = await import("../work/stats.ts");
        return stats(context, topic ?? null, flags);
      }),
    );
};
