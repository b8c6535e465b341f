/** Keeps records that could not be read, for people to look at. */
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { fileProblem, pathFrom } from "../read-file.ts";

/** A file of records that could not be read. */
export interface RejectsFile {
  /** Adds a record as it came, on lines of its own. Never throws. */
  write(text: string): void;
  /** Ends the file. When nothing was written, no file is left, not even that of an earlier run. */
  close(): void;
}

/**
 * Makes a rejects file at `path`; a relative path starts at `cwd`. The first record creates it (mode 0600) and replaces
 * the file of an earlier run. When it cannot be written (a read-only folder, another owner), `onProblem` is told why,
 * once, and the work goes on: the records are still in their source.
 */
export function createRejectsFile(path: string, onProblem: (reason: string) => void, cwd = ""): RejectsFile {
  const target = pathFrom(cwd, path);
  let file: number | null = null;
  let refused = false;
  return {
    write(text: string): void {
      if (refused) return;
      try {
        file ??= createAnew(target);
        const bytes = Buffer.from(text.endsWith("\n") ? text : `${text}\n`);
        // A disk that is nearly full takes a part.
        for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
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
    // There is rarely an old file. When it cannot be removed, the new one cannot be created either, and that is
    // reported.
  }
}
