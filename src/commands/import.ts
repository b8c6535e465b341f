import type { CampaignFlags } from "../work/campaign.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { addContentOptions, addRecipientOptions, expiresIn, GROUPS } from "./options.ts";

/** Declares `import`. */
export const addImport: AddCommand = (command, act) => {
  command.argument("<recipients.csv>", "CSV file, or - for stdin");
  addRecipientOptions(addContentOptions(command));
  command
    .optionsGroup(GROUPS.other)
    .option("--replace-content", "give what has not been sent yet this content")
    .addOption(expiresIn())
    .action(
      act<CampaignFlags>(async (context, flags, [file]) => {
        const { importRecipients } = await import("../work/import.ts");
        return importRecipients(context, file ?? "-", flags);
      }),
    );
  addExamples(command, [
    ["ses-mail import june.csv", "adds the list and its mail; a later ses-mail send sends it"],
    [
      `psql --csv -c "select email, name from readers" | ses-mail import - --topic june --content june.md`,
      `adds what another program writes`,
    ],
  ]);
};
