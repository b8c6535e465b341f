/** Writes CSV: single lines, and the file of rejected rows. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { defused } from "./formula.ts";
import { rejectHeader } from "./own-files.ts";
import { fileProblem, pathFrom } from "../../read-file.ts";
import { temporaryPath } from "../../temporary.ts";

/** White space around a field belongs to it only when the field is quoted. */
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/** The buffer is written when it has this many characters: one system call for about a thousand rows. */
const BUFFER_CHARACTERS = 65_536;

/**
 * One line of CSV (RFC 4180) that ends in `\n`. A cell that a spreadsheet would run gets an apostrophe in front
 * (`defused`), except with `raw`, and in the column with the index `trusted` (checked addresses).
 */
export function csvLine(cells: string[], options: { raw?: boolean; trusted?: number } = {}): string {
  const written = cells.map((cell, index) => {
    // Most cells of an export are empty.
    if (cell === "") return cell;
    const safe = options.raw || index === options.trusted ? cell : defused(cell);
    return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return `${written.join(",")}\n`;
}

/** A row of a list that was refused, and why. */
export interface RejectedRow {
  /** The 1-based line of the list in which the row starts. */
  line: number;
  /** The cells as they are in the list. */
  fields: string[];
  reason: string;
}

/** A file of rejected rows that is being written. Both methods fail with `UserError` when the file cannot be written. */
export interface Rejects {
  write(row: RejectedRow): void;
  /** Finishes the file. Resolves to its path when it has a row, else to null. Calling it again changes nothing. */
  close(): Promise<string | null>;
}

/**
 * The file of rejected rows: columns `line` and `reason`, then those of the list, `header` (`rejectHeader`). It appears
 * with `close`, whole or not at all (mode 0600). A relative `path` starts at `cwd`. An older file belongs to another run,
 * so it is replaced, or removed by `close` when no row was rejected.
 */
export function openRejects(path: string, header: string[], cwd = ""): Rejects {
  const target = pathFrom(cwd, path);
  const temporary = temporaryPath(dirname(target));
  let file: number | null = null;
  let buffered = "";
  let closed: string | null | undefined;

  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      // A part of it would look like the whole, and take the last room of a full disk.
      if (file !== null) closeSync(file);
      file = null;
      closed = null;
      rmSync(temporary, { force: true });
      throw fileProblem(error, "the file of rejected rows", path, "write");
    }
  };
  const flush = (): void =>
    attempt(() => {
      file ??= openSync(temporary, "wx", 0o600);
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
      attempt(() => {
        if (file !== null) closeSync(file);
        file = null;
        // It replaces an old file with its permissions, and a link.
        renameSync(temporary, target);
      });
      return (closed = path);
    },
  };
}
