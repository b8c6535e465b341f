import type { PreviewFlags } from "../work/preview.ts";
import type { AddCommand } from "./command.ts";
import { addContentOptions, addRecipientOptions, parseCount } from "./options.ts";

/** Declares `preview`. */
export const addPreview: AddCommand = (program, act) => {
  const command = program
    .command("preview")
    .description("show the mail that one recipient would get")
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .option("--row <n>", "which row of the file; 1 is the first", parseCount("--row"), 1)
    .option("--output <dir>", "write mail.html, mail.txt and headers.txt into this folder")
    .option("--open", "open the HTML in the browser");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<PreviewFlags>(async (context, flags, [file]) => {
      const { preview } = await import("../work/preview.ts");
      return preview(context, file ?? "-", flags);
    }),
  );
};
