/** Records that could not be read, kept for people to look at. */
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { fileProblem, pathFrom } from "../read-file.ts";

export interface RejectsFile {
  /** Adds a record as it stood, on lines of its own. */
  write(text: string): void;
  /** Ends it, once. Where nothing was written no file is left, not even that of an earlier run. */
  close(): void;
}

/**
 * The file is made by the first record; an old one speaks of another run and goes. Where it cannot be written (a folder
 * mounted read-only, somebody else's) `onProblem` is told why, once, and nothing is stopped: the records are still where
 * they came from. A relative path starts at `cwd`.
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
