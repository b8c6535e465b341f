import type { AddCommand } from "./command.ts";

/** Declares `backup`. */
export const addBackup: AddCommand = (program, act) => {
  program
    .command("backup")
    .description("copy the job file, whole and of one instant, while others work on it")
    .argument("<file>", "a file that does not exist yet")
    .action(
      act(async (context, _flags, [file]) => {
        const { backup } = await import("../work/backup.ts");
        return backup(context, file ?? "");
      }),
    );
};
