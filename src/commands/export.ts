import { STATES } from "../message.ts";
import type { ExportFlags } from "../work/export.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { ListOption, parseNames } from "./options.ts";

/** Declares `export`. */
export const addExport: AddCommand = (command, act) => {
  command
    .argument("<topic>")
    .addOption(
      new ListOption("--state <list>", `only these states, of ${STATES.join(",")}`, STATES).argParser(
        parseNames("--state", STATES),
      ),
    )
    .option("--output <file>", "file instead of stdout")
    .option("--excel", "begin with a byte order mark, so that Excel reads the letters of every language")
    .option("--raw", "write cells as they are, also those a spreadsheet would run as formulas")
    .action(
      act<ExportFlags>(async (context, flags, [topic]) => {
        const { exportTopic } = await import("../work/export.ts");
        return exportTopic(context, topic ?? "", flags);
      }),
    );
  addExamples(command, [
    ["ses-mail export june --output june-result.csv", "writes what became of everybody"],
    ["ses-mail export june --state failed", "shows who was not reached, and why"],
  ]);
};
