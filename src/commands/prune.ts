import type { PruneFlags } from "../work/prune.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";

/** Declares `prune`. */
export const addPrune: AddCommand = (command, act) => {
  command
    .requiredOption("--older <duration>", "remove what finished longer ago than this, such as 90d or 2y (at least 1d)")
    .option("--dry-run", "say what would be removed, and remove nothing")
    .option("-y, --yes", "do not ask")
    .action(
      act<PruneFlags>(async (context, flags) => {
        const { prune } = await import("../work/prune.ts");
        return prune(context, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail prune --older 2y --dry-run", "what would go?"],
    ["ses-mail prune --older 90d --yes", "for cron; running processes go on meanwhile"],
  ]);
};
