import type { Io } from "../io.ts";

const guarded = new WeakSet<NodeJS.WritableStream>();

/**
 * `ses-mail stats | head` closes our stdout: nobody reads on, which is no error. Any other failure of stdout has lost a
 * result and is one. stderr only carries words about the work, and the work must not die of a full log disk.
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
