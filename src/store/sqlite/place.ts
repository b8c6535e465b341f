/**
 * Watches whether the path of a job file still leads to the file that is open. SQLite goes on in a file that was deleted, moved or
 * replaced, and whoever opens the path then finds another file: the same mail would leave twice.
 */
import { realpathSync, statSync } from "node:fs";
import { StoppedError } from "../../errors.ts";
import type { Connection } from "./driver.ts";

/** The place of an open job file. */
export interface Place {
  /** Why we may not go on, as an error to throw; null: the path leads to the open file. It costs a few microseconds. */
  lost(): StoppedError | null;
}

/** The place of a database that has no file of its own. */
export const NOWHERE: Place = { lost: () => null };

/** How many pages of the write-ahead log SQLite lets gather before it copies them into the file. */
const CHECKPOINT_PAGES = 1_000;

/** What tells one file from all others on this machine; null: there is none at the path. */
type Identity = string | null;

/** Watches the file that `db` has open, whose `-wal` and `-shm` exist. `opened` is the identity it had when it was opened. */
export function watchPlace(db: Connection, path: string, opened: Identity): Place {
  // SQLite follows symbolic links and puts its two other files beside the real one.
  const real = realpathSync(path);
  const files = [
    { path, name: `the job file ${path}`, identity: opened },
    ...["-wal", "-shm"].map((end) => ({
      path: real + end,
      name: `${real}${end}, which belongs to the job file,`,
      identity: identityOf(real + end),
    })),
  ];
  let wasLost = false;

  const find = (): StoppedError | null => {
    for (const file of files) {
      const problem = problemOf(file.path, file.identity);
      if (problem !== null) return new StoppedError(`${file.name} ${problem}`, HINT);
    }
    return null;
  };
  return {
    lost() {
      const error = find();
      const isLost = error !== null;
      // Another process may have the same file with another log. We may not copy our log into the file then.
      if (isLost !== wasLost) db.pragma(`wal_autocheckpoint = ${isLost ? 0 : CHECKPOINT_PAGES}`);
      wasLost = isLost;
      return error;
    },
  };
}

const HINT = "put the right file back, with its -wal and -shm, and start again";

/** What tells the file at `path` from all others; null: there is none. */
export function identityOf(path: string): Identity {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev} ${found.ino}`;
}

function problemOf(path: string, identity: Identity): string | null {
  try {
    const found = identityOf(path);
    if (found === identity) return null;
    return found === null ? "was deleted or moved while we worked on it" : "was replaced while we worked on it";
  } catch (error) {
    return `cannot be reached any more (${String((error as NodeJS.ErrnoException).code)})`;
  }
}
