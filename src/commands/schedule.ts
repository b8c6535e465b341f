import type { ScheduleFlags } from "../work/schedule.ts";
import type { AddCommand } from "./command.ts";
import { addContentOptions, addRecipientOptions, setting } from "./options.ts";

/** Declares `schedule`. */
export const addSchedule: AddCommand = (program, act) => {
  const command = program
    .command("schedule")
    .description(
      "take a recipients file in for later, or with --topic move what is pending; cron's `send` does the sending",
    )
    .argument("[recipients.csv]", "CSV file, or - for stdin")
    .requiredOption("--at <when>", "2026-12-25T09:00:00+09:00, '2026-12-25 09:00' (read in --tz), or +90m, +2h, +1d")
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone of --at (default: the machine's)"))
    .option("--tz-column <name>", "column with each recipient's own zone: 09:00 means their 09:00")
    .option("--replace-content", "give what has not been sent yet this content");
  addRecipientOptions(addContentOptions(command));
  command.action(
    act<ScheduleFlags>(async (context, flags, [file]) => {
      const { schedule } = await import("../work/schedule.ts");
      return schedule(context, file ?? null, flags);
    }),
  );
};
