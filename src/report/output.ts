/** Writes the output of a command to stdout or to a file. */
import { createWriteStream, type Stats } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { fileProblem } from "../read-file.ts";
import { InterruptedError, StoppedError, UserError } from "../errors.ts";
import type { Io } from "../io.ts";

type Lines = string | Iterable<string> | AsyncIterable<string>;
type Surroundings = Pick<Io, "stdout" | "cwd" | "signal">;

/**
 * Writes the lines as they are; each brings its own line end. They go to stdout when `path` is null or `-`, else to the
 * file. The file appears complete or not at all, and only its owner may read it, because it holds addresses. Relative
 * paths start at `io.cwd`. Memory holds one chunk of lines. A reader of stdout that goes away is no error.
 * @throws UserError when the file cannot be written.
 * @throws InterruptedError when a signal came first; the file is unchanged.
 * @throws StoppedError when the disk is full.
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
  // The stream tells of an error twice: to whoever wrote, and as an event that would end the process if nobody heard it.
  const heard = () => undefined;
  io.stdout.on("error", heard);
  try {
    await pipeline(Readable.from(chunks), into(io.stdout), { signal: io.signal });
  } catch (error) {
    if (!GONE.has(codeOf(error))) throw error;
  } finally {
    await setImmediate();
    io.stdout.off("error", heard);
  }
}

/** A stream that hands on to another one, which stays open, and leaves no listener on it, as a pipeline into it would. */
function into(stream: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => void stream.write(chunk, done),
  });
}

/** Node's codes when the reader has closed the pipe, now or before we began. */
const GONE = new Set(["EPIPE", "ERR_STREAM_DESTROYED", "ERR_STREAM_PREMATURE_CLOSE"]);

async function writePath(path: string, chunks: AsyncIterable<string>, io: Surroundings): Promise<void> {
  const target = resolve(io.cwd, path);
  const existing = await statOf(target);
  if (existing?.isDirectory() === true)
    throw new UserError(`cannot write ${path}: it is a folder`, "name a file in it");
  // A pipe or /dev/null is written to. To replace it with a file would break it for everybody.
  if (existing !== null && !existing.isFile()) {
    await pipeline(Readable.from(chunks), createWriteStream(target), { signal: io.signal });
  } else {
    // A symbolic link is followed, so that it stays a link.
    await writeWhole(path, existing === null ? target : await realpath(target), chunks, io.signal);
  }
}

async function writeWhole(
  path: string,
  target: string,
  chunks: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const { temporaryPath } = await import("../temporary.ts");
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

/** Joins lines to chunks: a system call for each line would take longer than everything else. */
async function* gather(lines: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const line of lines) {
    chunk += line;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = "";
    // SQLite never waits, and a pipe rarely does. Without this pause no signal would be noticed before the end.
    await setImmediate();
  }
  if (chunk !== "") yield chunk;
}
