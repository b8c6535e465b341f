import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { defused } from "./formula.ts";
import { rejectHeader } from "./own-files.ts";
import { fileProblem, pathFrom } from "../../read-file.ts";

/** White space around a field is no part of it unless the field is quoted. */
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/** Written out when this many characters have gathered: one system call for about a thousand rows. */
const BUFFER_CHARACTERS = 65_536;

/**
 * One RFC 4180 line, ending in `\n`. A cell that a spreadsheet would run gets a leading apostrophe (`defused`), unless it
 * is the `trusted` column (an index: checked addresses) or `raw` asks for cells as they are.
 */
export function csvLine(cells: string[], options: { raw?: boolean; trusted?: number } = {}): string {
  const written = cells.map((cell, index) => {
    const safe = options.raw || index === options.trusted ? cell : defused(cell);
    return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${written.join(",")}\n`;
}

export interface RejectedRow {
  line: number;
  /** As they stand in the list. */
  fields: string[];
  reason: string;
}

export interface Rejects {
  write(row: RejectedRow): void;
  /** Finishes the file. The path when a row was written, else null. Calling it again changes nothing. */
  close(): Promise<string | null>;
}

/**
 * The file of refused rows: columns `line`, `reason`, then those of the list, `header` (`rejectHeader`). Created (mode 0600)
 * by the first row. A relative `path` starts at `cwd`. An older file there speaks of another run: it is replaced, or removed by `close` when no row was
 * refused. Throws `UserError` when the file cannot be written.
 */
export function openRejects(path: string, header: string[], cwd = ""): Rejects {
  const target = pathFrom(cwd, path);
  let file: number | null = null;
  let buffered = "";
  let closed: string | null | undefined;

  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileProblem(error, "the file of rejected rows", path, "write");
    }
  };
  const flush = (): void =>
    attempt(() => {
      file ??= create(target);
      const bytes = Buffer.from(buffered);
      for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
      buffered = "";
    });

  return {
    write({ line, fields, reason }) {
      if (file === null && buffered === "") buffered = csvLine(rejectHeader(header));
      buffered += csvLine([String(line), reason, ...fields]);
      if (file === null || buffered.length >= BUFFER_CHARACTERS) flush();
    },
    async close() {
      if (closed !== undefined) return closed;
      if (file === null) {
        attempt(() => rmSync(target, { force: true }));
        return (closed = null);
      }
      flush();
      closeSync(file);
      return (closed = path);
    },
  };
}

/** Removed first: opening would keep an old file's permissions, and follow a link. */
function create(path: string): number {
  rmSync(path, { force: true });
  return openSync(path, "wx", 0o600);
}
