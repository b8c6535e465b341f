import type { PreviewFlags } from "../work/preview.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { addContentOptions, addRecipientOptions, GROUPS, parseCount } from "./options.ts";

/** Declares `preview`. */
export const addPreview: AddCommand = (command, act) => {
  command
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .optionsGroup(GROUPS.first)
    .option("--row <n>", "which recipient, 1 is the first", parseCount("--row"), 1)
    .option("--output <dir>", "write mail.html, mail.txt and headers.txt into this folder")
    .option("--open", "open the HTML in the browser");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<PreviewFlags>(async (context, flags, [file]) => {
      const { preview } = await import("../work/preview.ts");
      return preview(context, file ?? "-", flags);
    }),
  );
  addExamples(command, [
    ["ses-mail preview june.csv --row 3", "shows the mail of the third recipient"],
    ["ses-mail preview june.csv --open", "opens it in the browser"],
  ]);
};
