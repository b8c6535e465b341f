import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `forget`. */
export const addForget: AddCommand = (command, act) => {
  command
    .argument("<address>")
    .option("-y, --yes", "do not ask")
    .action(
      act<{ yes?: boolean }>(async (context, flags, [address]) => {
        const { forget } = await import("../work/forget.ts");
        return forget(context, address ?? "", flags);
      }),
    );
  addExamples(command, [["ses-mail forget ann@example.com", "asks first; files of yours and backups are not touched"]]);
};
