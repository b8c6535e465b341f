import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `trace`. */
export const addTrace: AddCommand = (command, act) => {
  command.argument("<what>", "an address, a uuid, a message id, an SES message id, or the id of a Redis job").action(
    act(async (context, _flags, [what]) => {
      const { trace } = await import("../work/trace.ts");
      return trace(context, what ?? "");
    }),
  );
  addExamples(command, [
    ["ses-mail trace ann@example.com", "what did Ann get, and what became of it?"],
    ["ses-mail trace order-4711 --json", "the mail that was posted with this uuid, for a program"],
  ]);
};
