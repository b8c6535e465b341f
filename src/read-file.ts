import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { isAbsolute } from "node:path";
import { UserError } from "./errors.ts";

/** What SES takes for a whole message (SES quotas): no single file of one can be larger. */
export const MAX_FILE_BYTES = 40 * 1024 * 1024;

const REASONS: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "it is a folder",
  ERR_FS_EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
  ERR_INVALID_ARG_VALUE: "no file can have such a name",
  ELOOP: "its links lead in a circle",
  ENXIO: "it is a socket or a device, not a file",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EBUSY: "it is in use",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk is full for this user",
  EFBIG: "it is too large",
  ERR_FS_FILE_TOO_LARGE: "it is too large",
  ERR_STRING_TOO_LONG: "it is too large",
  EIO: "the disk or the network drive fails",
};

/**
 * Where a path as the user typed it leads when relative paths start at `cwd`; an empty `cwd` leaves that to the system. Nothing is tidied up:
 * an empty path stays one, and `list.csv/` is no file.
 */
export function pathFrom(cwd: string, path: string): string {
  return path === "" || cwd === "" || isAbsolute(path) ? path : `${cwd}/${path}`;
}

/** What the user is told when the system refuses a file, whatever its reason. An error of another kind is returned as it came. */
export function fileProblem(error: unknown, what: string, path: string, verb: "read" | "write" = "read"): unknown {
  const because = reasonOf(error);
  return because === null ? error : new UserError(`cannot ${verb} ${what} ${path}: ${because}`);
}

/** The same for a folder that is to be made: a file may stand in its way. */
export function folderProblem(error: unknown, what: string, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EEXIST" && code !== "ENOTDIR") return fileProblem(error, what, path, "write");
  return new UserError(`${what} ${path} expects a folder, and a file has that name`, "name another, or move the file");
}

function reasonOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  const known = REASONS[error.code];
  if (known !== undefined) return known;
  // Only a refused system call has a name of its own: errors of libraries have codes, too.
  if (!("syscall" in error)) return null;
  const [, words = "the system refuses it"] = /^\w+: ([^,]+)/.exec(error.message) ?? [];
  return `${words} (${error.code})`;
}

/**
 * The bytes of a file or pipe; a relative path starts at `cwd`, or in the working directory of the process. Throws `UserError` when it is missing, a folder, not readable, or larger than
 * `MAX_FILE_BYTES`, of which no more are held (`/dev/zero` has no end).
 */
export async function readBytes(path: string, what: string, cwd = ""): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(pathFrom(cwd, path)) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_FILE_BYTES)
        throw new UserError(`${what} ${path} is larger than 40 MB, SES takes no larger mail`, "is it the right file?");
      chunks.push(chunk);
    }
  } catch (error) {
    throw fileProblem(error, what, path);
  }
  return Buffer.concat(chunks);
}

/** The text of a UTF-8 file, its BOM dropped. Throws `UserError` also when it is empty or not UTF-8. */
export async function readText(path: string, what: string, cwd = ""): Promise<string> {
  const bytes = await readBytes(path, what, cwd);
  if (!isUtf8(bytes) || bytes.includes(0)) {
    throw new UserError(`${what} ${path} is not UTF-8 text`, "save it as UTF-8");
  }
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (text.trim() === "") throw new UserError(`${what} ${path} is empty`);
  return text;
}
