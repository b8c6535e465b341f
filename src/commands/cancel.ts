import type { AddCommand } from "./command.ts";

/** Declares `cancel`. */
export const addCancel: AddCommand = (program, act) => {
  program
    .command("cancel")
    .description("cancel what has not been handed to SES yet; running processes stop within a second")
    .argument("<topic>")
    .action(
      act(async (context, _flags, [topic]) => {
        const { cancel } = await import("../work/cancel.ts");
        return cancel(context, topic ?? "");
      }),
    );
};
