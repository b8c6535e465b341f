import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `cancel`. */
export const addCancel: AddCommand = (command, act) => {
  command.argument("<topic>").action(
    act(async (context, _flags, [topic]) => {
      const { cancel } = await import("../work/cancel.ts");
      return cancel(context, topic ?? "");
    }),
  );
  addExamples(command, [
    ["ses-mail cancel june", "takes back what waits; ses-mail retry june --state cancelled undoes it"],
  ]);
};
