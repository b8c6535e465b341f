import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `trace`. */
export const addTrace: AddCommand = (program, act) => {
  const command = program
    .command("trace")
    .description("tell all that is known of a mail or a person, in order, and where each fact comes from")
    .argument("<what>", "an address, a uuid, a message id, an SES message id, or the id of a Redis job")
    .action(
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
