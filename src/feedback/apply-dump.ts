/**
 * Takes dumps of events into the job file: reads, counts and applies them in batches. A record that cannot be read is
 * put aside and stops nothing.
 */
import { addAbortSignal, type Readable } from "node:stream";
import { InterruptedError } from "../errors.ts";
import { fileProblem } from "../read-file.ts";
import type { DumpDocument } from "./dump/document-splitter.ts";
import { readPieces } from "./dump/documents.ts";
import { unwrapAnywhere } from "./envelopes/envelopes.ts";
import type { Applied, EventSink } from "./event-sink.ts";
import { createRejectsFile, type RejectsFile } from "./rejects.ts";
import type { SesEvent } from "./ses-event.ts";

/** Events in one transaction: enough to make the commit cheap, few enough that others never wait long for the file. */
const BATCH = 1_000;

/** The JSON answer of `ingest-events`. `events` = `applied` + `duplicates` + `unmatched`. */
export interface IngestSummary {
  records: number;
  events: number;
  applied: number;
  duplicates: number;
  unmatched: number;
  ignored: number;
  malformed: number;
  settled: number;
  suppressed: number;
}

/** Where dumps are, and callbacks for what happens. */
export interface ApplyOptions {
  /** The folder that relative paths start at; the working directory of the process when not given. */
  cwd?: string;
  signal: AbortSignal;
  /** Called for each record that cannot be read: where it is (file, line and byte) and why. */
  onMalformed(where: string, reason: string): void;
  /** Called once for a dump when records that cannot be read cannot be copied either. */
  onNoRejects(reason: string): void;
  /** Called after each batch, with the counts so far. */
  onProgress(summary: IngestSummary): void;
}

/** A summary with all counts 0. */
export function emptySummary(): IngestSummary {
  return {
    records: 0,
    events: 0,
    applied: 0,
    duplicates: 0,
    unmatched: 0,
    ignored: 0,
    malformed: 0,
    settled: 0,
    suppressed: 0,
  };
}

/**
 * Reads one dump to its end and adds what it does to `summary`. Records that cannot be read are copied to
 * `<name>.rejects` (`stdin.rejects` for stdin). What was applied before an error or a signal stays applied; to read the
 * dump again changes nothing.
 * @throws InterruptedError when the signal aborts, after what was read before is applied; also while a pipe gives
 * nothing.
 * @throws UserError when the dump cannot be read.
 */
export async function applyDump(
  dump: { name: string; stream: Readable },
  sink: Pick<EventSink, "applyEvents">,
  summary: IngestSummary,
  options: ApplyOptions,
): Promise<void> {
  const path = dump.name === "stdin" ? "stdin.rejects" : `${dump.name}.rejects`;
  const rejects = createRejectsFile(path, options.onNoRejects, options.cwd);
  const reading = new DumpReading(dump.name, sink, summary, options, rejects);
  const { signal } = options;
  try {
    for await (const documents of readPieces(addAbortSignal(signal, dump.stream))) {
      for (const document of documents) {
        reading.take(document);
        if (reading.isFull) await reading.flush();
      }
      if (signal.aborted) break;
    }
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw fileProblem(error, "events", dump.name);
  } finally {
    rejects.close();
  }
  await reading.flush();
  if (signal.aborted) throw new InterruptedError();
}

/** One dump while it is read, in batches. */
class DumpReading {
  readonly #name: string;
  readonly #sink: Pick<EventSink, "applyEvents">;
  readonly #summary: IngestSummary;
  readonly #options: ApplyOptions;
  readonly #rejects: RejectsFile;
  #batch: SesEvent[] = [];

  constructor(
    name: string,
    sink: Pick<EventSink, "applyEvents">,
    summary: IngestSummary,
    options: ApplyOptions,
    rejects: RejectsFile,
  ) {
    this.#name = name;
    this.#sink = sink;
    this.#summary = summary;
    this.#options = options;
    this.#rejects = rejects;
  }

  /** True when enough is read for a transaction. */
  get isFull(): boolean {
    return this.#batch.length >= BATCH;
  }

  take(document: DumpDocument): void {
    const items = "malformed" in document ? [{ malformed: document.malformed }] : unwrapAnywhere(document.value);
    this.#summary.records += items.length;
    let broken = false;
    for (const item of items) {
      if ("event" in item) this.#batch.push(item.event);
      else if ("ignored" in item) this.#summary.ignored++;
      else {
        broken = true;
        this.#tellMalformed(document, item.malformed);
      }
    }
    if (broken) this.#rejects.write(document.text);
  }

  /** Applies what was read since the last flush. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    addTo(this.#summary, await this.#sink.applyEvents(this.#batch), this.#batch.length);
    this.#batch = [];
    this.#options.onProgress(this.#summary);
  }

  #tellMalformed({ line, offset }: DumpDocument, reason: string): void {
    this.#summary.malformed++;
    this.#options.onMalformed(`${this.#name}, line ${line}, byte ${offset}`, reason);
  }
}

/** Adds the result of a batch of `events` events to `summary`. */
export function addTo(summary: IngestSummary, applied: Applied, events: number): void {
  summary.events += events;
  summary.applied += applied.applied;
  summary.duplicates += applied.duplicates;
  summary.unmatched += applied.unmatched;
  summary.settled += applied.settled;
  summary.suppressed += applied.suppressed;
}
