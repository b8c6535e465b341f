import type { ScheduleFlags } from "../work/schedule.ts";
import type { AddCommand } from "./command.ts";
import { addContentOptions, addRecipientOptions, setting } from "./options.ts";

/** Declares `schedule`. */
export const addSchedule: AddCommand = (program, act) => {
  const command = program
    .command("schedule")
    .description(
      "add a recipients file for later, or with --topic move what is pending to another time; send (from cron) sends it",
    )
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .requiredOption(
      "--at <when>",
      "2026-12-25T09:00:00+09:00, '2026-12-25 09:00' (in the zone of --tz), or +90m, +2h, +1d",
    )
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone of --at (default: that of the machine)"))
    .option("--tz-column <name>", "column with each recipient's own zone: 09:00 means their 09:00")
    .option("--replace-content", "replace the content of what has not been sent yet");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<ScheduleFlags>(async (context, flags, [file]) => {
      const { schedule } = await import("../work/schedule.ts");
      return schedule(context, file ?? null, flags);
    }),
  );
};
