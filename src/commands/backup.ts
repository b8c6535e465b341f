import type { AddCommand } from "./command.ts";

/** Declares `backup`. */
export const addBackup: AddCommand = (program, act) => {
  program
    .command("backup")
    .description("copy the job file as of one instant, even while others work on it")
    .argument("<file>", "the copy; it must not exist yet")
    .action(
      act(async (context, _flags, [file]) => {
        const { backup } = await import("../work/backup.ts");
        return backup(context, file ?? "");
      }),
    );
};
