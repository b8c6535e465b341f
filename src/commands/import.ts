import type { CampaignFlags } from "../work/campaign.ts";
import type { AddCommand } from "./command.ts";
import { addContentOptions, addRecipientOptions } from "./options.ts";

/** Declares `import`. */
export const addImport: AddCommand = (program, act) => {
  const command = program
    .command("import")
    .description("take a recipients file into a topic without sending anything")
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .option("--replace-content", "give what has not been sent yet this content");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<CampaignFlags>(async (context, flags, [file]) => {
      const { importRecipients } = await import("../work/import.ts");
      return importRecipients(context, file ?? "-", flags);
    }),
  );
};
