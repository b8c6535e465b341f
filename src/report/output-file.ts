/** Writes the output of a command to a file. */
import { createWriteStream, type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { UserError } from "../errors.ts";
import { fileProblem } from "../read-file.ts";
import { temporaryPath } from "../temporary.ts";

/**
 * Writes the chunks to the file `target` (an absolute path), which appears complete or not at all; `path` is what the user called it.
 * Rejects with an `AbortError` when the signal aborts, with UserError when the file cannot be made, and with errors of the system.
 */
export async function writeFileOutput(
  target: string,
  path: string,
  chunks: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const existing = await statOf(target);
  if (existing?.isDirectory() === true)
    throw new UserError(`cannot write ${path}: it is a folder`, "name a file in it");
  // A pipe or /dev/null is written to. To replace it with a file would break it for everybody.
  if (existing !== null && !existing.isFile()) {
    await pipeline(Readable.from(chunks), createWriteStream(target), { signal });
  } else {
    // A symbolic link is followed, so that it stays a link.
    await writeWhole(path, existing === null ? target : await realpath(target), chunks, signal);
  }
}

async function writeWhole(
  path: string,
  target: string,
  chunks: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const temporary = temporaryPath(dirname(target));
  const file = await create(temporary, path);
  try {
    try {
      await writeFile(file, chunks, { signal });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function create(temporary: string, path: string): Promise<FileHandle> {
  try {
    return await open(temporary, "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new UserError(
        `cannot write ${path}: there is no folder ${dirname(path)}`,
        "create it first, or name another",
      );
    }
    throw fileProblem(error, "the output", path, "write");
  }
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch {
    return null;
  }
}
