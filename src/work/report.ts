/** The `report` command at work: one HTML page about one topic, or several side by side. */
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { outputPath, writeLines } from "./output.ts";
import type { ReportFacts } from "../report/facts.ts";
import { storedTopic } from "../store/topic-name.ts";
import { checkZone, machineZone } from "../time/schedule.ts";

/** Options of `report`. */
export interface ReportFlags {
  /** A file, or `-` for stdout. */
  output: string;
  /** IANA zone of the times; the machine's when not given. */
  tz?: string;
}

/** `report`: writes the page. Throws `UserError` for an unknown topic or zone, or a file that cannot be written. */
export async function writeReport(context: Context, names: string[], flags: ReportFlags): Promise<number> {
  const { io, globals, terminal } = context;
  if (globals.json && flags.output === "-")
    throw new UserError("--json and --output - both write to stdout", "name a file with --output");
  const zone = flags.tz === undefined ? machineZone() : checkZone(flags.tz);
  const { topics, facts } = await factsOf(context, names);
  const { calendarOf } = await import("../report/calendar.ts");
  const { reportPage } = await import("../report/page.ts");
  const output = outputPath(io.cwd, flags.output);
  await writeLines(context, output, reportPage(facts, { calendar: calendarOf(zone), now: io.clock.now() }));
  if (output === null) return EXIT.done;
  if (globals.json) terminal.json({ topic: topics[0], ...(topics.length > 1 && { topics }), output });
  else terminal.info(`wrote ${output}`);
  return EXIT.done;
}

/** The facts of each topic. A topic that is named twice counts once. */
async function factsOf(
  { io, openStore }: Context,
  names: string[],
): Promise<{ topics: string[]; facts: ReportFacts[] }> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const topics = [...new Set(await Promise.all(names.map((name) => storedTopic(store, name))))];
  const { gatherFacts } = await import("../report/facts.ts");
  const facts: ReportFacts[] = [];
  for (const topic of topics) facts.push(await store.breakdown(topic, io.signal, gatherFacts));
  return { topics, facts };
}
