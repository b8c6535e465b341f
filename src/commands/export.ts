import { STATES } from "../message.ts";
import type { ExportFlags } from "../work/export.ts";
import type { AddCommand } from "./command.ts";
import { parseNames } from "./options.ts";

/** Declares `export`. */
export const addExport: AddCommand = (program, act) => {
  program
    .command("export")
    .description("write one CSV row per recipient: state, reason, times, and the recipient's own columns")
    .argument("<topic>")
    .option("--state <list>", `only these states, of ${STATES.join(",")}`, parseNames("--state", STATES))
    .option("--output <file>", "file instead of stdout")
    .option("--excel", "begin with a byte order mark, so that Excel reads the letters of every language")
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(
      act<ExportFlags>(async (context, flags, [topic]) => {
        const { exportTopic } = await import("../work/export.ts");
        return exportTopic(context, topic ?? "", flags);
      }),
    );
};
