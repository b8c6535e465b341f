import { resolve } from "node:path";
import { awsRegion } from "../aws/region.ts";
import { EXIT, InterruptedError, UserError } from "../errors.ts";
import type { ApplyOptions, IngestSummary } from "../feedback/apply.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";
import { parseCount, setting } from "./options.ts";

interface Flags {
  sqs?: string;
  once?: boolean;
  max?: number;
}

/** Malformed records told one by one; the rest is counted only. */
const MALFORMED_SHOWN = 20;

export const addIngestEvents: AddCommand = (program, act) => {
  program
    .command("ingest-events")
    .description(
      "read what SES said of your mails: SNS, SQS, EventBridge, Firehose, CloudWatch and Lambda dumps, gzip or plain",
    )
    .argument("[files...]", "files, folders or globs; - for stdin")
    .addOption(
      setting("--sqs <queue-url>", "SQS", "read this SQS queue, until interrupted, and delete what is applied"),
    )
    .option("--once", "with --sqs: end when the queue is empty (for cron)")
    .option("--max <n>", "with --sqs: end after this many messages", parseCount("--max"))
    .action(
      act<Flags>((context, flags, files) => {
        const queue = queueOf(context, flags, files);
        return queue === null ? ingestFiles(context, files) : ingestQueue(context, queue, flags);
      }),
    );
};

/** The queue URL, or null when files are to be read. */
function queueOf({ io }: Context, { sqs, once, max }: Flags, files: string[]): string | null {
  // A queue in the environment is a default; files on the command line beat it.
  if (sqs !== undefined && files.length > 0 && sqs !== io.env["SES_MAIL_SQS"])
    throw new UserError("ingest-events reads files or, with --sqs, a queue; both were given", "leave one of them out");
  if (files.length === 0) {
    if (sqs !== undefined) return sqs;
    throw new UserError(
      "ingest-events expects a file, a folder or -, got none",
      "name the dump to read, or a queue with --sqs",
    );
  }
  if (once || max !== undefined) throw new UserError(`${once ? "--once" : "--max"} works with --sqs only`);
  return null;
}

async function ingestFiles(context: Context, files: string[]): Promise<number> {
  const { openSources } = await import("../feedback/dump/sources.ts");
  const { applyDump, emptySummary } = await import("../feedback/apply.ts");
  const store = await context.openStore();
  const summary = emptySummary();
  const { options, stop } = reporting(context, summary);
  let interrupted: InterruptedError | null = null;
  try {
    const stdin = context.io.stdin as never;
    for await (const source of openSources(files, { stdin, onSkipped: (reason) => context.terminal.warn(reason) })) {
      await applyDump(source, store, summary, options);
    }
    summary.settled += (await store.matchKeptEvents()).settled;
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    interrupted = error;
  } finally {
    stop();
  }
  const code = answer(context, summary);
  if (interrupted !== null) throw interrupted;
  return code;
}

async function ingestQueue(context: Context, queueUrl: string, flags: Flags): Promise<number> {
  const { io, terminal } = context;
  const { createSqsQueue, parseQueueUrl } = await import("../aws/sqs.ts");
  const { createEventHandler } = await import("../feedback/apply-queue.ts");
  const { consume } = await import("../queue/consume.ts");
  const { emptySummary } = await import("../feedback/apply.ts");
  const url = parseQueueUrl(queueUrl);
  const store = await context.openStore();
  const endpointFromChain = Boolean(io.env["AWS_ENDPOINT_URL_SQS"] || io.env["AWS_ENDPOINT_URL"]);
  const queue = createSqsQueue({ url, region: awsRegion(io.env), endpointFromChain });
  context.onExit(() => queue.close());
  const summary = emptySummary();
  const { options, stop } = reporting(context, summary);
  let looked = 0;
  const onIdle = async () => {
    // A look at all that is kept: worth it only when there is more of it.
    if (summary.unmatched > looked) summary.settled += (await store.matchKeptEvents()).settled;
    looked = summary.unmatched;
  };
  terminal.detail(`reading ${url.href}`);
  const handler = createEventHandler(store, summary, { ...options, rejects: resolve(io.cwd, "sqs.rejects") });
  let end;
  try {
    end = await consume(queue, handler.handle, {
      signal: io.signal,
      clock: io.clock,
      once: flags.once ?? false,
      max: flags.max ?? null,
      onRetry: (reason) => terminal.warn(`${reason}; trying again`),
      onIdle,
    });
    summary.settled += (await store.matchKeptEvents()).settled;
  } finally {
    handler.close();
    stop();
  }
  const code = answer(context, summary);
  if (end === "interrupted") throw new InterruptedError();
  return code;
}

/** What is told while events are read. */
function reporting(context: Context, summary: IngestSummary): { options: ApplyOptions; stop: () => void } {
  const { io, terminal } = context;
  const progress = terminal.progress(null, "read");
  const started = io.clock.monotonic();
  const options: ApplyOptions = {
    signal: io.signal,
    onMalformed: (where, reason) => warnMalformed(context, summary, where, reason),
    onNoRejects: (reason) => terminal.warn(reason),
    onProgress: ({ events }) =>
      progress.update({ done: events, perSecond: (events * 1000) / Math.max(1, io.clock.monotonic() - started) }),
  };
  return { options, stop: () => progress.stop() };
}

function warnMalformed({ terminal }: Context, summary: IngestSummary, where: string, reason: string): void {
  if (summary.malformed <= MALFORMED_SHOWN) terminal.warn(`${where}: ${reason}`);
  if (summary.malformed === MALFORMED_SHOWN + 1)
    terminal.warn("… more records cannot be read; all of them are in the .rejects file");
}

function answer({ terminal, globals }: Context, summary: IngestSummary): number {
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
