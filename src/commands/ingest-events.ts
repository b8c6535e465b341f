import { EXIT, UserError } from "../errors.ts";
import type { IngestSummary } from "../feedback/apply.ts";
import type { AddCommand, Context } from "./command.ts";

/** Malformed records told one by one; the rest is counted only. */
const MALFORMED_SHOWN = 20;

export const addIngestEvents: AddCommand = (program, act) => {
  program
    .command("ingest-events")
    .description(
      "read what SES said of your mails: SNS, SQS, EventBridge, Firehose, CloudWatch and Lambda dumps, gzip or plain",
    )
    .argument("[files...]", "files, folders or globs; - for stdin")
    .action(act((context, _flags, files) => ingestEvents(context, files)));
};

async function ingestEvents(context: Context, files: string[]): Promise<number> {
  const { io, terminal } = context;
  if (files.length === 0)
    throw new UserError("ingest-events expects a file, a folder or -, got none", "name the dump to read");
  const { openSources } = await import("../feedback/sources.ts");
  const { applyDump, emptySummary } = await import("../feedback/apply.ts");
  const store = await context.openStore();
  const summary = emptySummary();
  const progress = terminal.progress(null, "read");
  const started = io.clock.monotonic();
  try {
    for await (const source of openSources(files, { stdin: io.stdin as never })) {
      await applyDump(source, store, summary, {
        signal: io.signal,
        onMalformed: (where, reason) => warnMalformed(context, summary, where, reason),
        onProgress: ({ events }) =>
          progress.update({ done: events, perSecond: (events * 1000) / Math.max(1, io.clock.monotonic() - started) }),
      });
    }
    const late = await store.matchKeptEvents();
    summary.settled += late.settled;
  } finally {
    progress.stop();
  }
  return answer(context, summary);
}

function warnMalformed({ terminal }: Context, summary: IngestSummary, where: string, reason: string): void {
  if (summary.malformed <= MALFORMED_SHOWN) terminal.warn(`${where}: ${reason}`);
  if (summary.malformed === MALFORMED_SHOWN + 1)
    terminal.warn("… more records cannot be read; all of them are in the .rejects file");
}

export function answer({ terminal, globals }: Context, summary: IngestSummary): number {
  if (globals.json) terminal.json(summary);
  else {
    const { records, events, applied, duplicates, unmatched, ignored, malformed, settled, suppressed } = summary;
    terminal.result(
      `${records} records: ${events} events (${applied} applied, ${duplicates} duplicates, ${unmatched} unmatched), ` +
        `${ignored} ignored, ${malformed} malformed; ${settled} in doubt settled, ${suppressed} addresses suppressed`,
    );
  }
  return summary.malformed > 0 ? EXIT.partial : EXIT.done;
}
