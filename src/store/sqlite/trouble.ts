/** Says in words for people what SQLite or the system refused. One table for every statement and every file of the store. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { InterruptedError, StoppedError, UserError } from "../../errors.ts";
import { Database } from "./driver.ts";

/** When an error came: while the file was being opened, or while we worked on a file that had been opened. */
type Phase = "open" | "work";

interface Trouble {
  message: string;
  hint: string;
  /** True: while the file is being opened, the person has to name another file or mend this one. */
  isMistake?: boolean;
}

const AGAIN = "run the same command again";
/** A disk with less room than this counts as full, because SQLite does not say why a write was refused. */
const FULL_BELOW_BYTES = 65_536;

/**
 * Makes a UserError or StoppedError of an error about the file at `path`, its disk or its permissions. Returns any other error as
 * it is. Only what is found while the file is opened can be a UserError: later, something may have been changed already.
 */
export function explain(error: unknown, path: string, phase: Phase = "work"): unknown {
  if (error instanceof StoppedError || error instanceof UserError || error instanceof InterruptedError) return error;
  const trouble = troubleOf(error, path);
  if (trouble === null) return error;
  const Kind = phase === "open" && trouble.isMistake === true ? UserError : StoppedError;
  return new Kind(trouble.message, trouble.hint);
}

/** True when another process holds the file. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof Database.SqliteError && (code.startsWith("SQLITE_BUSY") || code === "SQLITE_PROTOCOL");
}

/** True when a write to the disk of `path` failed because the disk is full or the user's quota is used up. */
export function isDiskFull(error: unknown, path: string): boolean {
  const code = codeOf(error);
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") return true;
  // SQLite has one code for every reason why a write failed, and one for every reason why its shared memory cannot grow.
  return WRITES.has(code) && hasNoRoom(path);
}

/** True when the file cannot be written to, and reading may still be possible. */
export function isUnwritable(error: unknown, path: string): boolean {
  const code = codeOf(error);
  if (isDiskFull(error, path)) return true;
  return isForbidden(code) || WRITES.has(code);
}

const WRITES: ReadonlySet<string> = new Set(
  ["WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE", "SHMSIZE", "SHMMAP", "SHMOPEN"].map((end) => `SQLITE_IOERR_${end}`),
);
const LOCKS: ReadonlySet<string> = new Set([
  "ENOLCK",
  ...["LOCK", "UNLOCK", "RDLOCK", "CHECKRESERVEDLOCK", "SHMLOCK", "BLOCKED"].map((end) => `SQLITE_IOERR_${end}`),
]);

/** Errors of the system and what they mean for the file; those of SQLite are in `troubleOf`. */
const REASONS: Readonly<Record<string, string>> = {
  EIO: "the disk or the network drive fails",
  EFBIG: "it is larger than the file system or a limit of this user allows",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENOTDIR: "a part of its path is a file",
  EISDIR: "it is a folder",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "its folder is gone",
  ESTALE: "the network drive has lost it",
  ENODEV: "its disk is gone",
  ENXIO: "its disk is gone",
  SQLITE_NOMEM: "there is not enough memory",
  SQLITE_IOERR_NOMEM: "there is not enough memory",
  SQLITE_NOLFS: "the file system takes no file of this size",
};

function troubleOf(error: unknown, path: string): Trouble | null {
  const code = codeOf(error);
  if (code === "") return null;
  if (isBusy(error)) {
    return { message: `the job file ${path} is locked by another process`, hint: `${AGAIN} when it is done` };
  }
  if (isDiskFull(error, path)) {
    return { message: `no space left on the disk of ${path}`, hint: `free some space and ${AGAIN}` };
  }
  return damage(error, code, path) ?? refusal(code, path);
}

function damage(error: unknown, code: string, path: string): Trouble | null {
  if (code === "SQLITE_NOTADB") {
    const message = `--db expects a job file, ${path} is something else`;
    return { message, hint: "choose another file with --db", isMistake: true };
  }
  if (!code.startsWith("SQLITE_CORRUPT")) return null;
  const message = `the job file ${path} is damaged, or its disk fails: ${error instanceof Error ? error.message : code}`;
  return { message, hint: "restore it from a backup", isMistake: true };
}

function refusal(code: string, path: string): Trouble | null {
  if (isForbidden(code)) {
    const message = `the job file ${path} cannot be written (${code})`;
    return { message, hint: "check the permissions of the file and of its folder", isMistake: true };
  }
  if (LOCKS.has(code)) {
    const message = `the job file ${path} cannot be locked (${code})`;
    return { message, hint: "put it on a disk of this machine that has file locks" };
  }
  if (WRITES.has(code)) {
    const message = `the disk of ${path} refuses to be written to (${code})`;
    return { message, hint: `is it in order, and has this user a quota? ${AGAIN} when that is mended` };
  }
  if (Object.hasOwn(REASONS, code)) {
    return {
      message: `the job file ${path} cannot be used: ${REASONS[code]} (${code})`,
      hint: `mend that and ${AGAIN}`,
    };
  }
  if (!code.startsWith("SQLITE_IOERR")) return null;
  return { message: `the disk of ${path} fails (${code})`, hint: `check the disk, and ${AGAIN} when it is in order` };
}

function isForbidden(code: string): boolean {
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN")) return true;
  return ["EACCES", "EPERM", "EROFS"].includes(code);
}

function hasNoRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
