import type { CampaignFlags } from "../work/campaign.ts";
import type { AddCommand } from "./command.ts";
import { addContentOptions, addRecipientOptions } from "./options.ts";

/** Declares `import`. */
export const addImport: AddCommand = (program, act) => {
  const command = program
    .command("import")
    .description("add a recipients file to a topic without sending anything")
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .option("--replace-content", "replace the content of what has not been sent yet");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<CampaignFlags>(async (context, flags, [file]) => {
      const { importRecipients } = await import("../work/import.ts");
      return importRecipients(context, file ?? "-", flags);
    }),
  );
};
