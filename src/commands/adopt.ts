import type { AdoptFlags } from "../work/adopt/adopt.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { addTrackingOptions, collect, GROUPS, setting } from "./options.ts";

/** Declares `adopt`. */
export const addAdopt: AddCommand = (command, act) => {
  command
    .argument("<database>", "its SQLite file, or postgres://user@host/name; it is only read")
    .optionsGroup(GROUPS.first)
    .option("--dry-run", "read and check everything, and store nothing")
    .optionsGroup("What is still to be sent:")
    .addOption(setting("--from <mailbox>", "FROM", "sender of the mail, 'Name <address>'"))
    .addOption(setting("--reply-to <mailbox>", "REPLY_TO", "where answers go; may be repeated").argParser(collect))
    .addOption(setting("--configuration-set <name>", "CONFIGURATION_SET", "SES configuration set"))
    .addOption(setting("--tenant <name>", "TENANT", "SES tenant that the mail is sent for"));
  addTrackingOptions(command)
    .optionsGroup(GROUPS.other)
    .action(
      act<AdoptFlags>(async (context, flags, [database]) => {
        const { adopt } = await import("../work/adopt/adopt.ts");
        return adopt(context, database ?? "", flags);
      }),
    );
  addExamples(command, [
    ["ses-mail adopt --dry-run sqlite3.db", "says what is there, and what would become of it"],
    [
      "ses-mail adopt --from news@example.com postgres://messages@db/messages",
      "stop the old program first; run it again to resume",
    ],
  ]);
};
