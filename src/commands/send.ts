import type { CampaignFlags } from "../work/campaign.ts";
import type { SendFlags } from "../work/send-flags.ts";
import { UserError } from "../errors.ts";
import type { AddCommand } from "./command.ts";
import { Option } from "commander";
import { addContentOptions, addRecipientOptions, addSendingOptions, parseCount, setting } from "./options.ts";

/** Declares `send`. */
export const addSend: AddCommand = (program, act) => {
  const command = program
    .command("send")
    .description("take a recipients file in (if one is given), then send all that is due; run it again to resume")
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .option("--replace-content", "give what has not been sent yet this content");
  addRecipientOptions(addContentOptions(command));
  addSendingOptions(command)
    .option("--max <n>", "stop after this many messages", parseCount("--max"))
    .addOption(
      setting("--on-quota <action>", "ON_QUOTA", "what to do when the daily quota is used up")
        .choices(["stop", "wait"])
        .default("stop"),
    )
    .option("--retry-in-doubt", "send what is in doubt again: some may get a second copy")
    .option("--dry-run", "check and render every row; write nothing, send nothing, show one")
    .option("--test-to <address>", "send one sample to this address; keep no state")
    .option("--sandbox", "send to a local SES: no AWS account needed, mails land in ses-mail-outbox/")
    .addOption(
      new Option("--outbox <dir>", "with --sandbox: folder for the mails (default: ses-mail-outbox)").implies({
        sandbox: true,
      }),
    )
    .addOption(
      new Option("--sandbox-events <file>", "with --sandbox: write the events SES would publish").implies({
        sandbox: true,
      }),
    )
    .option("-y, --yes", "do not ask")
    .action(
      act<CampaignFlags & SendFlags>(async (context, flags, [file]) => {
        if (flags.dryRun || flags.testTo !== undefined) {
          if (file === undefined) throw missingFile(flags.dryRun ? "--dry-run" : "--test-to");
          const { rehearse, sendSample } = await import("../work/rehearse.ts");
          return flags.dryRun ? rehearse(context, file, flags) : sendSample(context, file, flags, flags.testTo ?? "");
        }
        const { sendCampaign, sendDue } = await import("../work/send.ts");
        return file === undefined ? sendDue(context, flags) : sendCampaign(context, file, flags);
      }),
    );
};

function missingFile(option: string): UserError {
  return new UserError(`${option} expects a recipients file, got none`, "name the CSV file");
}
