import { EXIT, UserError } from "../errors.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { setting, outputPath } from "./options.ts";

interface Flags {
  output: string;
  tz?: string;
}

export const addReport: AddCommand = (program, act) => {
  program
    .command("report")
    .description(
      "write one self-contained HTML page: funnel, bounces, opens over time, domains, links; several topics side by side",
    )
    .argument("<topics...>", "topic, or several to compare")
    .option("--output <file>", "file, or - for stdout", "report.html")
    .addOption(setting("--tz <zone>", "TZ", "IANA time zone of the times (default: the machine's)"))
    .action(act<Flags>((context, flags, topics) => report(context, topics, flags)));
};

async function report(context: Context, names: string[], flags: Flags): Promise<number> {
  const { io, globals, terminal } = context;
  if (globals.json && flags.output === "-")
    throw new UserError("--json and --output - both write to stdout", "name a file with --output");
  const { checkZone, machineZone } = await import("../time/schedule.ts");
  const zone = flags.tz === undefined ? machineZone() : checkZone(flags.tz);
  const store = await context.openStore({ mustExist: true });
  const topics = [...new Set(await Promise.all(names.map((name) => storedTopic(store, name))))];
  const { gatherFacts } = await import("../report/facts.ts");
  const facts = [];
  for (const topic of topics) facts.push(await store.breakdown(topic, io.signal, gatherFacts));
  const { calendarOf } = await import("../report/calendar.ts");
  const { reportPage } = await import("../report/page.ts");
  const { writeOutput } = await import("../report/output.ts");
  const page = reportPage(facts, { calendar: calendarOf(zone), now: io.clock.now() });
  const output = outputPath(io.cwd, flags.output);
  await writeOutput(output, page, io);
  if (output === null) return EXIT.done;
  if (globals.json) terminal.json({ topic: topics[0], ...(topics.length > 1 && { topics }), output });
  else terminal.info(`wrote ${output}`);
  return EXIT.done;
}
