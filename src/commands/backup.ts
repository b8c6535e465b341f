import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `backup`. */
export const addBackup: AddCommand = (command, act) => {
  command.argument("<file>", "the copy; it must not exist yet").action(
    act(async (context, _flags, [file]) => {
      const { backup } = await import("../work/backup.ts");
      return backup(context, file ?? "");
    }),
  );
  addExamples(command, [["ses-mail backup ses-mail-2030-06-01.db", "copies the job file while others send"]]);
};
