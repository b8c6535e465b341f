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
    .description("add a recipients file (if one is given), then send everything that is due; run it again to resume")
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .option("--replace-content", "replace the content of what has not been sent yet");
  addRecipientOptions(addContentOptions(command));
  addSendingOptions(command)
    .option("--max <n>", "stop after this many messages", parseCount("--max"))
    .addOption(
      setting("--on-quota <action>", "ON_QUOTA", "what to do when the daily quota is used up")
        .choices(["stop", "wait"])
        .default("stop"),
    )
    .option("--retry-in-doubt", "send messages in doubt again; some people may get a second copy")
    .option("--dry-run", "check and render every row, show one; write nothing, send nothing")
    .option("--test-to <address>", "send one sample to this address, and remember nothing of it")
    .option("--sandbox", "send to a local SES: no AWS account needed, mails land in ses-mail-outbox/")
    .addOption(
      new Option(
        "--sandbox-events <file>",
        "write the events that SES would publish to this file (implies --sandbox)",
      ).implies({
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
