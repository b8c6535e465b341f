import { RETRIABLE } from "../store/rules/states.ts";
import type { RetryFlags } from "../work/retry.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { ListOption, parseNames } from "./options.ts";

/** Declares `retry`. */
export const addRetry: AddCommand = (command, act) => {
  command
    .argument("<topic>")
    .addOption(
      new ListOption("--state <list>", `states to take, of ${RETRIABLE.join(",")}`, RETRIABLE)
        .argParser(
          parseNames("--state", RETRIABLE, (unknown) =>
            unknown === "sent" ? "what was sent is never sent again" : "separate several with commas",
          ),
        )
        .makeOptionMandatory(),
    )
    .option("-y, --yes", "do not ask")
    .action(
      act<RetryFlags>(async (context, flags, [topic]) => {
        const { retry } = await import("../work/retry.ts");
        return retry(context, topic ?? "", flags);
      }),
    );
  addExamples(command, [
    ["ses-mail retry june --state failed", "puts back what SES refused"],
    ["ses-mail retry june --state in_doubt", "puts back what may have arrived: some people may get it twice"],
  ]);
};
