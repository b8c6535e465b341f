import { randomBytes } from "node:crypto";
import { createWriteStream, type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { fileProblem } from "../read-file.ts";
import { InterruptedError, StoppedError, UserError } from "../errors.ts";
import type { Io } from "../io.ts";

type Lines = string | Iterable<string> | AsyncIterable<string>;
type Surroundings = Pick<Io, "stdout" | "cwd" | "signal">;

/**
 * Writes the lines (each with its own ending) as they are: to stdout when `path` is null or `-`, else to the file, which
 * appears whole or not at all, readable by its owner only (it holds addresses). Relative paths start at `io.cwd`.
 * Never more than a chunk of lines is held in memory. A reader of stdout that goes away is no error.
 * Throws UserError when the file cannot be created, InterruptedError when a signal came first (the file is as it was),
 * StoppedError when the disk is full.
 */
export async function writeOutput(path: string | null, lines: Lines, io: Surroundings): Promise<void> {
  const chunks = gather(typeof lines === "string" ? [lines] : lines);
  try {
    if (path === null || path === "-") await writeStdout(chunks, io);
    else await writePath(path, chunks, io);
  } catch (error) {
    throw explained(error, path);
  }
}

async function writeStdout(chunks: AsyncIterable<string>, io: Surroundings): Promise<void> {
  try {
    await pipeline(Readable.from(chunks), io.stdout, { end: false, signal: io.signal });
  } catch (error) {
    if (!GONE.has(codeOf(error))) throw error;
  }
}

/** The reader closed the pipe, now or before we began. */
const GONE = new Set(["EPIPE", "ERR_STREAM_DESTROYED", "ERR_STREAM_PREMATURE_CLOSE"]);

async function writePath(path: string, chunks: AsyncIterable<string>, io: Surroundings): Promise<void> {
  const target = resolve(io.cwd, path);
  const existing = await statOf(target);
  if (existing?.isDirectory() === true)
    throw new UserError(`cannot write ${path}: it is a folder`, "name a file in it");
  // A pipe or /dev/null takes what is written; replacing it by a file would break it for everybody.
  if (existing !== null && !existing.isFile()) {
    await pipeline(Readable.from(chunks), createWriteStream(target), { signal: io.signal });
  } else {
    // Through a symbolic link, so that the link stays one.
    await writeWhole(path, existing === null ? target : await realpath(target), chunks, io.signal);
  }
}

async function writeWhole(
  path: string,
  target: string,
  chunks: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(target), `.ses-mail-${randomBytes(6).toString("hex")}.tmp`);
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
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") {
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

function explained(error: unknown, path: string | null): unknown {
  if (error instanceof Error && error.name === "AbortError") return new InterruptedError();
  if (codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT") {
    return new StoppedError(
      `cannot write ${path ?? "stdout"}: the disk is full`,
      "free some space and run the command again",
    );
  }
  return fileProblem(error, "the output", path ?? "to stdout", "write");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const CHUNK_CHARACTERS = 65_536;

/** Lines by the chunk: a system call for each would take longer than everything else. */
async function* gather(lines: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = "";
    // Neither SQLite nor a pipe ever waits, so without this pause no signal would be heard until the end.
    await setImmediate();
  }
  if (chunk !== "") yield chunk;
}
