import type { CampaignFlags } from "../work/campaign.ts";
import { EXIT } from "../errors.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { addContentOptions, addRecipientOptions } from "./options.ts";

export const addImport: AddCommand = (program, act) => {
  const command = program
    .command("import")
    .description("take a recipients file into a topic without sending anything")
    .argument("<recipients.csv>", "CSV file, or - for stdin")
    .option("--replace-content", "give what has not been sent yet this content");
  addRecipientOptions(addContentOptions(command));
  command.action(act<CampaignFlags>((context, flags, [file]) => importRecipients(context, file ?? "-", flags)));
};

async function importRecipients(context: Context, file: string, flags: CampaignFlags): Promise<number> {
  const { readCampaign, stageCampaign, describeList } = await import("../work/campaign.ts");
  const { AT_ONCE } = await import("../work/list.ts");
  const campaign = await readCampaign(file, flags, context.terminal);
  const store = await context.openStore();
  campaign.topic = await storedTopic(store, campaign.topic);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: false });
  const ingest = await staged.commit();
  const totals = await store.totals(campaign.topic);
  const { terminal, globals } = context;
  if (globals.json)
    terminal.json({ topic: campaign.topic, outcome: "imported", reason: null, ingest, run: null, totals });
  else terminal.result(describeList(campaign.topic, ingest));
  return ingest.rejected > 0 ? EXIT.partial : EXIT.done;
}
