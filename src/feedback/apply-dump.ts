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
        if (reading.isFull) await reading.applyOnward();
      }
      if (signal.aborted) break;
    }
  } catch (error) {
    await reading.settle();
    if ((error as Error).name !== "AbortError") throw fileProblem(error, "events", dump.name);
  } finally {
    rejects.close();
  }
  await reading.finish();
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
  /** The batch before this one, which may still be on its way to the store. */
  #applied: Promise<void> = Promise.resolve();

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

  /**
   * Begins to apply what was read since the last time, once the batch before is applied. Reading may go on meanwhile: a store on a
   * server has work that is not ours. Rejects when the batch before failed.
   */
  async applyOnward(): Promise<void> {
    await this.#applied;
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#applied = this.#apply(batch);
    // Whoever comes next hears of it. Until then nobody may be there to hear.
    this.#applied.catch(() => undefined);
  }

  /** Applies all that was read. */
  async finish(): Promise<void> {
    await this.applyOnward();
    await this.#applied;
  }

  /** Waits until nothing is on its way to the store, however that ends. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#applied]);
  }

  async #apply(batch: readonly SesEvent[]): Promise<void> {
    addTo(this.#summary, await this.#sink.applyEvents(batch), batch.length);
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
