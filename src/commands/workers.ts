import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `workers`. */
export const addWorkers: AddCommand = (command, act) => {
  command.action(
    act(async (context) => {
      const { listWorkers } = await import("../work/workers.ts");
      return listWorkers(context);
    }),
  );
  addExamples(command, [["ses-mail workers --json", "for a script that watches them"]]);
};
