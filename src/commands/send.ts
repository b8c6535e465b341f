import { Option } from "commander";
import { UserError } from "../errors.ts";
import type { CampaignFlags } from "../work/campaign.ts";
import type { SendFlags } from "../work/send-flags.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { refuseListless } from "./lonely.ts";
import {
  addContentOptions,
  addRecipientOptions,
  addSendingOptions,
  expiresIn,
  GROUPS,
  parseCount,
  setting,
} from "./options.ts";

/** Declares `send`. */
export const addSend: AddCommand = (command, act) => {
  command
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .optionsGroup(GROUPS.first)
    .option("--dry-run", "check and render every row, show one mail; write nothing, send nothing")
    .option("--test-to <address>", "send one sample to this address; keep no state")
    .option("--sandbox", "rehearse: send to a local SES; no AWS account needed, mails land in ses-mail-outbox/")
    .option("-y, --yes", "do not ask");
  addRecipientOptions(addContentOptions(command));
  addSendingOptions(command)
    .option("--max <n>", "stop after this many messages", parseCount("--max"))
    .addOption(
      setting("--on-quota <action>", "ON_QUOTA", "what to do when the daily quota is used up")
        .choices(["stop", "wait"])
        .default("stop"),
    )
    .optionsGroup(GROUPS.other)
    .option("--replace-content", "give what has not been sent yet this content")
    .addOption(expiresIn())
    .option("--retry-in-doubt", "send what is in doubt again: some may get a second copy")
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
    .action(
      act<CampaignFlags & SendFlags>(async (context, flags, [file]) => {
        if (flags.dryRun || flags.testTo !== undefined) {
          if (file === undefined) throw missingFile(flags.dryRun ? "--dry-run" : "--test-to");
          const { rehearse, sendSample } = await import("../work/rehearse.ts");
          return flags.dryRun ? rehearse(context, file, flags) : sendSample(context, file, flags, flags.testTo ?? "");
        }
        refuseListless(command, file, ["--topic"]);
        const { sendCampaign, sendDue } = await import("../work/send.ts");
        return file === undefined ? sendDue(context, flags) : sendCampaign(context, file, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail send june.csv", "sends june.html or june.md to everybody in june.csv, once; run it again to resume"],
    ["ses-mail send june.csv --sandbox", "rehearses the same on this machine"],
    ["ses-mail send --quiet", "sends all that is due, of every topic: the line for cron"],
  ]);
};

function missingFile(option: string): UserError {
  return new UserError(`${option} expects a recipients file, got none`, "name the CSV file");
}
