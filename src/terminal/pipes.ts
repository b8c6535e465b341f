/** Survives pipes that are closed by their reader. */
import type { Io } from "../io.ts";

const guarded = new WeakSet<NodeJS.WritableStream>();

/**
 * Handles write errors of stdout and stderr. `ses-mail stats | head` closes our stdout, and that is no error. Any other
 * failure of stdout loses a result, so it is thrown. stderr only carries words about the work, and a full log disk must
 * not end the work.
 */
export function surviveClosedPipes(io: Io): void {
  guard(io.stdout, (error) => {
    if (error.code !== "EPIPE") throw error;
  });
  guard(io.stderr, () => undefined);
}

function guard(stream: NodeJS.WritableStream, onError: (error: NodeJS.ErrnoException) => void): void {
  if (guarded.has(stream)) return;
  guarded.add(stream);
  stream.on("error", onError);
}
