import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `backup`. */
export const addBackup: AddCommand = (program, act) => {
  const command = program
    .command("backup")
    .description("copy the job file, whole and of one instant, while others work on it")
    .argument("<file>", "a file that does not exist yet")
    .action(
      act(async (context, _flags, [file]) => {
        const { backup } = await import("../work/backup.ts");
        return backup(context, file ?? "");
      }),
    );
  addExamples(command, [["ses-mail backup ses-mail-2030-06-01.db", "copies the job file while others send"]]);
};
