import type { ReportFlags } from "../work/report.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { setting } from "./options.ts";

/** Declares `report`. */
export const addReport: AddCommand = (command, act) => {
  command
    .argument("<topics...>", "one topic, or several to compare")
    .option("--output <file>", "file to write, or - for stdout", "report.html")
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone for the times shown (default: that of the machine)"))
    .action(
      act<ReportFlags>(async (context, flags, topics) => {
        const { writeReport } = await import("../work/report.ts");
        return writeReport(context, topics, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail report june", "writes report.html"],
    ["ses-mail report may june --output compare.html", "compares two topics"],
  ]);
};
