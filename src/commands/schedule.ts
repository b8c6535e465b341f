import type { ScheduleFlags } from "../work/schedule.ts";
import type { AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { refuseListless } from "./lonely.ts";
import { addContentOptions, addRecipientOptions, expiresIn, GROUPS, setting } from "./options.ts";

/** Declares `schedule`. */
export const addSchedule: AddCommand = (command, act) => {
  command
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .optionsGroup(GROUPS.first)
    .requiredOption("--at <when>", "2026-12-25T09:00:00+09:00, '2026-12-25 09:00' (read in --tz), or +90m, +2h, +1d")
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone of --at (default: the machine's)"))
    .option("--tz-column <name>", "column with each recipient's own zone: 09:00 means their 09:00");
  addRecipientOptions(addContentOptions(command));
  command
    .optionsGroup(GROUPS.other)
    .option("--replace-content", "give what has not been sent yet this content")
    .addOption(expiresIn())
    .action(
      act<ScheduleFlags>(async (context, flags, [file]) => {
        refuseListless(command, file, ["--topic"]);
        const { schedule } = await import("../work/schedule.ts");
        return schedule(context, file ?? null, flags);
      }),
    );
  addExamples(command, [
    [
      `ses-mail schedule june.csv --at '2030-06-01 09:00' --tz Europe/Berlin`,
      `adds the list; cron, ses-mail work or ses-mail serve sends it then`,
    ],
    ["ses-mail schedule --topic june --at +2h", "moves what waits in the topic"],
  ]);
};
