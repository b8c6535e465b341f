import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `workers`. */
export const addWorkers: AddCommand = (program, act) => {
  const command = program
    .command("workers")
    .description("list the processes that send now, and the rate they share")
    .action(
      act(async (context) => {
        const { listWorkers } = await import("../work/workers.ts");
        return listWorkers(context);
      }),
    );
  addExamples(command, [["ses-mail workers --json", "for a script that watches them"]]);
};
