/** Writes the output of a command to stdout or to a file. */
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { InterruptedError, StoppedError } from "../errors.ts";
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
    else {
      const { writeFileOutput } = await import("./output-file.ts");
      await writeFileOutput(resolve(io.cwd, path), path, chunks, io.signal);
    }
  } catch (error) {
    throw await explained(error, path);
  }
}

async function writeStdout(chunks: AsyncIterable<string>, { stdout, signal }: Surroundings): Promise<void> {
  if (signal.aborted) throw new InterruptedError();
  // The stream tells of an error twice: to whoever wrote, and as an event that would end the process if nobody heard it.
  const heard = () => undefined;
  stdout.on("error", heard);
  let interrupt = () => {};
  // The reader of a pipe may read nothing.
  const interrupted = new Promise<never>((_resolve, reject) => (interrupt = () => reject(new InterruptedError())));
  signal.addEventListener("abort", interrupt);
  try {
    await Promise.race([writeAll(chunks, stdout, signal), interrupted]);
  } catch (error) {
    if (!GONE.has(codeOf(error))) throw error;
  } finally {
    signal.removeEventListener("abort", interrupt);
    await setImmediate();
    stdout.off("error", heard);
  }
}

/** One chunk after the other, each when the one before was accepted. */
async function writeAll(
  chunks: AsyncIterable<string>,
  stdout: Surroundings["stdout"],
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) {
    if (signal.aborted) return;
    await new Promise<void>((resolve, reject) => {
      stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** Node's codes when the reader has closed the pipe, now or before we began. */
const GONE = new Set(["EPIPE", "ERR_STREAM_DESTROYED"]);

async function explained(error: unknown, path: string | null): Promise<unknown> {
  if (error instanceof Error && error.name === "AbortError") return new InterruptedError();
  if (codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT") {
    return new StoppedError(
      `cannot write ${path ?? "stdout"}: the disk is full`,
      "free some space and run the command again",
    );
  }
  const { fileProblem } = await import("../read-file.ts");
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
