/** The `ingest-events` command at work: events of SES go from dumps or a queue into the job file. */
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { awsRegion } from "../aws/region.ts";
import type { SqsQueue } from "../aws/sqs.ts";
import type { Context } from "./context.ts";
import { count, counted } from "../counted.ts";
import { EXIT, InterruptedError, UserError } from "../errors.ts";
import { applyDump, type ApplyOptions, emptySummary, type IngestSummary } from "../feedback/apply-dump.ts";
import { countProgress } from "./progress.ts";
import type { Store } from "../store/store.ts";

/** Options of `ingest-events`. */
export interface IngestFlags {
  /** URL of the queue to read. */
  sqs?: string;
  once?: boolean;
  /** With `sqs`: how many queue messages to read at most. */
  max?: number;
}

/** So many malformed records get a warning each; the others are only counted. */
const MALFORMED_SHOWN = 20;

/**
 * `ingest-events`: reads the files, or the queue when no file is named. Exit code 1 when a record was malformed. Throws
 * `UserError` for options that do not go together, and `InterruptedError` after a signal, when everything that was read
 * is applied and the answer is written.
 */
export async function ingestEvents(context: Context, files: string[], flags: IngestFlags): Promise<number> {
  const queue = queueOf(context, flags, files);
  return queue === null ? ingestFiles(context, files) : ingestQueue(context, queue, flags);
}

/** The URL of the queue to read; null: read the files. */
function queueOf({ io }: Context, { sqs, once, max }: IngestFlags, files: string[]): string | null {
  // A queue named in the environment is a default, which files on the command line beat.
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

async function ingestFiles(context: Context, named: string[]): Promise<number> {
  const { findDumps } = await import("../feedback/dump/dumps.ts");
  const onSkipped = (reason: string) => context.terminal.warn(reason);
  // Before the job file is opened: a path that is wrong, or a folder that is empty today, must not make one.
  const files = await findDumps(named, { cwd: context.io.cwd, onSkipped });
  const store = await context.openStore(files.length === 0 ? { ifMissing: "scratch" } : {});
  const summary = emptySummary();
  const { options, stop } = createReporting(context, summary);
  let interrupted: InterruptedError | null = null;
  try {
    await applyFiles(context, files, store, summary, options);
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

async function applyFiles(
  { io }: Context,
  files: string[],
  store: Store,
  summary: IngestSummary,
  options: ApplyOptions,
): Promise<void> {
  const { openDumps } = await import("../feedback/dump/dumps.ts");
  for await (const dump of openDumps(files, { cwd: io.cwd, stdin: io.stdin as Readable })) {
    await applyDump(dump, store, summary, options);
  }
  summary.settled += (await store.matchKeptEvents()).settled;
}

async function ingestQueue(context: Context, queueUrl: string, flags: IngestFlags): Promise<number> {
  const { terminal } = context;
  const queue = await openQueue(context, queueUrl);
  const store = await context.openStore();
  const summary = emptySummary();
  const { options, stop } = createReporting(context, summary);
  terminal.detail(`reading ${queueUrl}`);
  let end;
  try {
    end = await drainQueue(context, queue, flags, { store, summary, options });
    summary.settled += (await store.matchKeptEvents()).settled;
  } finally {
    stop();
  }
  const code = answer(context, summary);
  if (end === "interrupted") throw new InterruptedError();
  return code;
}

/** Opens the queue before the job file: a missing setting must leave nothing behind. Throws as `sqsReady` does. */
async function openQueue({ io, onExit }: Context, queueUrl: string): Promise<SqsQueue> {
  const { createSqsQueue, parseQueueUrl } = await import("../aws/sqs.ts");
  const url = parseQueueUrl(queueUrl);
  const endpointFromChain = Boolean(io.env["AWS_ENDPOINT_URL_SQS"] || io.env["AWS_ENDPOINT_URL"]);
  const queue = createSqsQueue({ url, region: awsRegion(io.env), endpointFromChain });
  onExit(() => queue.close());
  await queue.ready(io);
  return queue;
}

interface Reading {
  store: Store;
  summary: IngestSummary;
  options: ApplyOptions;
}

async function drainQueue(context: Context, queue: SqsQueue, flags: IngestFlags, reading: Reading) {
  const { store, summary, options } = reading;
  const { io, terminal } = context;
  const { createEventHandler } = await import("../feedback/apply-queue.ts");
  const { consume } = await import("../queue/consume.ts");
  let looked = 0;
  const onIdle = async () => {
    // Matching looks at every kept event, so do it only when there are more of them than the last time.
    if (summary.unmatched > looked) summary.settled += (await store.matchKeptEvents()).settled;
    looked = summary.unmatched;
  };
  const handler = createEventHandler(store, summary, { ...options, rejects: resolve(io.cwd, "sqs.rejects") });
  try {
    return await consume(queue, handler.handle, {
      signal: io.signal,
      clock: io.clock,
      once: flags.once ?? false,
      max: flags.max ?? null,
      onRetry: (reason) => terminal.warn(`${reason}; trying again`),
      onIdle,
    });
  } finally {
    handler.close();
  }
}

/** The progress and the warnings shown while events are read. */
function createReporting(context: Context, summary: IngestSummary): { options: ApplyOptions; stop: () => void } {
  const { io, terminal } = context;
  const progress = countProgress(context, "read");
  const options: ApplyOptions = {
    cwd: io.cwd,
    signal: io.signal,
    onMalformed: (where, reason) => warnMalformed(context, summary, where, reason),
    onNoRejects: (reason) => terminal.warn(reason),
    onProgress: ({ events }) => progress.update(events),
  };
  return { options, stop: () => progress.stop() };
}

function warnMalformed({ terminal }: Context, summary: IngestSummary, where: string, reason: string): void {
  if (summary.malformed <= MALFORMED_SHOWN) terminal.warn(`${where}: ${reason}`);
  if (summary.malformed === MALFORMED_SHOWN + 1)
    terminal.warn("… more records cannot be read; all of them are in the .rejects file");
}

function answer({ terminal, globals }: Context, summary: IngestSummary): number {
  const code = summary.malformed > 0 ? EXIT.partial : EXIT.done;
  if (globals.json) terminal.json(summary);
  else if (Object.values(summary).every((each) => each === 0)) terminal.ending("no events to take in", code);
  else {
    const { records, events, applied, duplicates, unmatched, ignored, malformed, settled, suppressed } = summary;
    terminal.ending(
      `${counted(records, "record")}: ${counted(events, "event")} (${count(applied)} applied, ` +
        `${counted(duplicates, "duplicate")}, ${count(unmatched)} unmatched), ` +
        `${count(ignored)} ignored, ${count(malformed)} malformed; ` +
        `${count(settled)} in doubt settled, ${counted(suppressed, "address", "addresses")} suppressed`,
      code,
    );
  }
  return code;
}
