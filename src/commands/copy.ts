import type { CopyFlags } from "../work/copy.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `copy`. */
export const addCopy: AddCommand = (command, act) => {
  command
    .argument("<from>", "job file or database; nothing is sent from it any more")
    .argument("[to]", "where the job goes on: a new job file, or a database without a job")
    .option("--undo", "go on with <from> after all; the copy cannot be used any more")
    .option("--yes", "with --undo: also when the copy cannot be reached, and may have sent mail")
    .action(
      act<CopyFlags>(async (context, flags, [from, to]) => {
        const { copy } = await import("../work/copy.ts");
        return copy(context, { from: from ?? "", to }, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail copy ses-mail.db postgres://mail@db.example.com/mail", "moves the job to a server; --db plays no part"],
    ["ses-mail copy --undo ses-mail.db", "goes on with the job file, as if it had never been copied"],
  ]);
};
