import type { CheckFlags } from "../work/check.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { refuseListless } from "./lonely.ts";
import { addContentOptions, addRecipientOptions, endpointId, GROUPS, setting } from "./options.ts";

/** Declares `check`. */
export const addCheck: AddCommand = (command, act) => {
  command.argument(
    "[recipients.csv]",
    "CSV file, or - for stdin (default: account, sender and configuration set only)",
  );
  addRecipientOptions(addContentOptions(command));
  command
    .optionsGroup(GROUPS.other)
    .addOption(endpointId("SES multi-region endpoint (global endpoint) that mail is to go through"))
    .option("--no-account", "do not ask Amazon SES")
    .option("--no-dns", "make no DNS lookups")
    .addOption(setting("--dns-server <ip[:port]>", "DNS_SERVER", "DNS server to ask (default: that of the machine)"))
    .action(
      act<CheckFlags>(async (context, flags, [file]) => {
        refuseListless(command, file, ["--from", "--configuration-set"]);
        const { checkAccount, checkCampaign } = await import("../work/check.ts");
        return file === undefined ? checkAccount(context, flags) : checkCampaign(context, file, flags);
      }),
    );
  addExamples(command, [
    ["ses-mail check june.csv", "checks everything before the first mail"],
    ["ses-mail check june.csv --no-account --no-dns", "checks content and list only, without a network"],
  ]);
};
