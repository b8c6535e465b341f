/** From dumps to the job file: read, counted, applied in batches; what cannot be read is put aside and stops nothing. */
import { addAbortSignal, type Readable } from "node:stream";
import { InterruptedError } from "../errors.ts";
import { fileProblem } from "../read-file.ts";
import type { Document } from "./dump/document-splitter.ts";
import { readPieces } from "./dump/documents.ts";
import { unwrapAnywhere } from "./envelopes/envelopes.ts";
import type { Applied, EventSink } from "./event-sink.ts";
import { createRejectsFile, type RejectsFile } from "./rejects.ts";
import type { SesEvent } from "./ses-event.ts";

/** Events a transaction: enough that the commit costs little, few enough that others never wait long for the file. */
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

export interface ApplyOptions {
  /** Where the relative path of a dump starts; the working directory of the process when not given. */
  cwd?: string;
  signal: AbortSignal;
  /** Told of each record that cannot be read: file, line, byte and why. */
  onMalformed(where: string, reason: string): void;
  /** Told, once a dump, that records which cannot be read cannot be put aside either. */
  onNoRejects(reason: string): void;
  onProgress(summary: IngestSummary): void;
}

/** All zero, to be counted up. */
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
 * Reads one dump to its end. What was read before a signal is applied, then it throws `InterruptedError`, also when a pipe
 * has nothing more to give. What was applied before an error or a signal stays applied: reading it again changes nothing.
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

/** One dump on its way in, in batches. */
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

  /** Enough for a transaction is read. */
  get isFull(): boolean {
    return this.#batch.length >= BATCH;
  }

  take(document: Document): void {
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

  /** Applies what was read and is not applied yet. */
  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    addTo(this.#summary, await this.#sink.applyEvents(this.#batch), this.#batch.length);
    this.#batch = [];
    this.#options.onProgress(this.#summary);
  }

  #tellMalformed({ line, offset }: Document, reason: string): void {
    this.#summary.malformed++;
    this.#options.onMalformed(`${this.#name}, line ${line}, byte ${offset}`, reason);
  }
}

/** Adds what a batch of `events` came to. */
export function addTo(summary: IngestSummary, applied: Applied, events: number): void {
  summary.events += events;
  summary.applied += applied.applied;
  summary.duplicates += applied.duplicates;
  summary.unmatched += applied.unmatched;
  summary.settled += applied.settled;
  summary.suppressed += applied.suppressed;
}
