/** Watches stdout and stderr: a reader may close its pipe, and a disk may be full. */
import type { Writable } from "node:stream";
import { StoppedError } from "../errors.ts";
import type { Io } from "../io.ts";

const failures = new WeakMap<NodeJS.WritableStream, Error | null>();

/** How long the rest of a result may take after a signal, and that of stderr. Its reader may never read on. */
const LAST_WORDS_MS = 1_000;

/**
 * Handles write errors of stdout and stderr. `ses-mail stats | head` closes our stdout, and that is no error. Any other
 * failure of stdout loses a result: `resultWritten` tells of it. stderr only carries words about the work, and a full log
 * disk must not end the work.
 */
export function surviveClosedPipes(io: Io): void {
  guard(io.stdout);
  guard(io.stderr);
}

/** Resolves when stderr has accepted all that was written to it, its reader went away, or does not read for a second. Never rejects. */
export async function wordsWritten({ stderr, clock }: Pick<Io, "stderr" | "clock">): Promise<void> {
  if ((stderr as Partial<Writable>).writableLength === 0) return;
  const written = new Promise<void>((resolve) => void stderr.write("", () => resolve()));
  const ended = new AbortController();
  await Promise.race([written, clock.sleep(LAST_WORDS_MS, ended.signal)]);
  ended.abort();
}

/** Resolves when `signal` or `ended` aborts. */
function signalled(signal: AbortSignal, ended: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true, signal: ended });
    ended.addEventListener("abort", () => resolve(), { once: true });
  });
}

function guard(stream: NodeJS.WritableStream): void {
  if (failures.has(stream)) return;
  failures.set(stream, null);
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") failures.set(stream, failures.get(stream) ?? error);
  });
}

/**
 * Resolves when stdout has accepted all that was written to it, or its reader went away. After a signal it waits for one
 * more second at most. A result is not given before that.
 * @throws StoppedError when stdout could not be written to: what was asked for may be done, but nobody was told.
 */
export async function resultWritten({ stdout, signal, clock }: Pick<Io, "stdout" | "signal" | "clock">): Promise<void> {
  const written = new Promise<void>((resolve) => void stdout.write("", () => resolve()));
  const ended = new AbortController();
  const lastWords = signalled(signal, ended.signal).then(() => clock.sleep(LAST_WORDS_MS, ended.signal));
  await Promise.race([written, lastWords]);
  ended.abort();
  const failure = failures.get(stdout);
  if (!failure) return;
  const { fileProblem } = await import("../read-file.ts");
  const problem = fileProblem(failure, "the result", "to stdout", "write");
  const text = problem instanceof Error ? problem.message : String(problem);
  throw new StoppedError(text, "make room or write it elsewhere, and run the command again");
}
