/** Notices that others write to the job file. */
import type { Connection } from "./connection.ts";

/** Makes a function that says whether another connection has written to the file since it was last asked, or since it was made. */
export function createWritersWatch(db: Connection): () => boolean {
  // The number stays the same when this connection writes (https://sqlite.org/pragma.html#pragma_data_version).
  const read = db.prepare<[], number>("pragma data_version").pluck();
  let before = read.get();
  return () => {
    const now = read.get();
    const haveWritten = now !== before;
    before = now;
    return haveWritten;
  };
}
