import { RETRIABLE } from "../store/rules/states.ts";
import type { RetryFlags } from "../work/retry.ts";
import type { AddCommand } from "./command.ts";
import { parseNames } from "./options.ts";

/** Declares `retry`. */
export const addRetry: AddCommand = (program, act) => {
  program
    .command("retry")
    .description("put messages back to pending, and reopen a cancelled topic; the next send includes them")
    .argument("<topic>")
    .requiredOption(
      "--state <list>",
      `states to put back: ${RETRIABLE.join(",")}`,
      parseNames("--state", RETRIABLE, (unknown) =>
        unknown === "sent" ? "a message that was sent is never sent again" : "separate several with commas",
      ),
    )
    .option("-y, --yes", "do not ask")
    .action(
      act<RetryFlags>(async (context, flags, [topic]) => {
        const { retry } = await import("../work/retry.ts");
        return retry(context, topic ?? "", flags);
      }),
    );
};
