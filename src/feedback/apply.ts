/** From dumps to the job file: read, counted, applied in batches; what cannot be read is put aside and stops nothing. */
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { InterruptedError } from "../errors.ts";
import { fileProblem, pathFrom } from "../read-file.ts";
import { type Document, readPieces } from "./dump/documents.ts";
import { unwrapAnywhere } from "./envelopes/envelopes.ts";
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

type Applied = Pick<IngestSummary, "applied" | "duplicates" | "unmatched" | "settled" | "suppressed">;

export interface EventSink {
  applyEvents(batch: readonly SesEvent[]): Promise<Applied>;
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
  sink: EventSink,
  summary: IngestSummary,
  options: ApplyOptions,
): Promise<void> {
  const rejects = openRejectedRecords(`${dump.name}.rejects`, options.onNoRejects, options.cwd);
  let batch: SesEvent[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    addTo(summary, await sink.applyEvents(batch), batch.length);
    batch = [];
    options.onProgress(summary);
  };
  const takeIn = (document: Document) => {
    const items = "malformed" in document ? [{ malformed: document.malformed }] : unwrapAnywhere(document.value);
    summary.records += items.length;
    let broken = false;
    for (const item of items) {
      if ("event" in item) batch.push(item.event);
      else if ("ignored" in item) summary.ignored++;
      else {
        summary.malformed++;
        broken = true;
        options.onMalformed(`${dump.name}, line ${document.line}, byte ${document.offset}`, item.malformed);
      }
    }
    if (broken) rejects.write(document.text);
  };
  try {
    for await (const documents of readPieces(addAbortSignal(options.signal, dump.stream))) {
      for (const document of documents) {
        takeIn(document);
        if (batch.length >= BATCH) await flush();
      }
      if (options.signal.aborted) break;
    }
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw fileProblem(error, "events", dump.name);
  } finally {
    rejects.close();
  }
  await flush();
  if (options.signal.aborted) throw new InterruptedError();
}

export function addTo(summary: IngestSummary, applied: Applied, events: number): void {
  summary.events += events;
  summary.applied += applied.applied;
  summary.duplicates += applied.duplicates;
  summary.unmatched += applied.unmatched;
  summary.settled += applied.settled;
  summary.suppressed += applied.suppressed;
}

/**
 * The records that could not be read, as they stood. Made by the first; an old one speaks of another run and goes. Where it
 * cannot be written (a folder mounted read-only, somebody else's) `onProblem` is told why, and nothing is stopped: the dump
 * still has the records.
 */
export function openRejectedRecords(path: string, onProblem: (reason: string) => void, cwd = "") {
  const target = pathFrom(cwd, path);
  let file: number | null = null;
  let refused = false;
  return {
    write(text: string): void {
      if (refused) return;
      try {
        file ??= createAnew(target);
        writeSync(file, text.endsWith("\n") ? text : `${text}\n`);
      } catch (error) {
        refused = true;
        onProblem((fileProblem(error, "unreadable records to", path, "write") as Error).message);
      }
    },
    close(): void {
      if (file !== null) closeSync(file);
      else if (!refused) removeOld(target);
      file = null;
    },
  };
}

function createAnew(path: string): number {
  removeOld(path);
  return openSync(path, "wx", 0o600);
}

function removeOld(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Nearly always there is none; one that cannot be removed cannot be made anew either, and that is told.
  }
}
