/** Reads whole files, and explains why a file cannot be read or written. */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { UserError } from "./errors.ts";
import { readHint } from "./file-hints.ts";

/** The most that SES takes for a whole message (SES quotas), so no file of a message can be larger. */
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
 * The path the user typed, with `cwd` in front of it when it is relative and `cwd` is not empty. The path is not
 * normalized: an empty path stays empty, and `list.csv/` keeps its slash, so that the system refuses it.
 */
export function pathFrom(cwd: string, path: string): string {
  return path === "" || cwd === "" || isAbsolute(path) ? path : `${cwd}/${path}`;
}

/**
 * The `UserError` for a file that the system refuses: `cannot read <what> <path>: <reason>`, and what to do when that is not plain. Any
 * other error is returned unchanged. `path` is as the user typed it.
 */
export function fileProblem(error: unknown, what: string, path: string, verb: "read" | "write" = "read"): unknown {
  const because = reasonOf(error);
  if (because === null) return error;
  const { code = "", path: asked = path } = error as NodeJS.ErrnoException;
  const hint = verb === "read" ? readHint(code, path, asked) : null;
  return new UserError(`cannot ${verb} ${what} ${path}: ${because}`, hint);
}

/**
 * Like `fileProblem`, for a folder that could not be made because a file has its name, or for another reason of the
 * system.
 */
export function folderProblem(error: unknown, what: string, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EEXIST" && code !== "ENOTDIR") return fileProblem(error, what, path, "write");
  return new UserError(`${what} ${path} expects a folder, and a file has that name`, "name another, or move the file");
}

/**
 * Makes a folder and those above it that are missing. Rejects with the error of the system, for `folderProblem`. Node's own
 * way (`recursive`) never ends in places such as /proc, where a folder exists and nothing can be made in it.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" && dirname(folder) !== folder) return null;
      throw error;
    });
    if (found === null) missing.push(folder);
    else if (found.isDirectory()) break;
    else throw Object.assign(new Error(`a file is in the way: ${folder}`), { code: "ENOTDIR", syscall: "mkdir" });
  }
  for (const folder of missing.reverse()) {
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // Another process may have made it meanwhile; a file would show with the first thing written.
      if (error.code !== "EEXIST") throw error;
    });
  }
}

function reasonOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  const known = REASONS[error.code];
  if (known !== undefined) return known;
  // Errors of libraries have codes too, but only a failed system call has `syscall`.
  if (!("syscall" in error)) return null;
  const [, words = "the system refuses it"] = /^\w+: ([^,]+)/.exec(error.message) ?? [];
  return `${words} (${error.code})`;
}

/**
 * The bytes of a file or pipe. A relative path starts at `cwd`, or in the working directory of the process when `cwd`
 * is empty. Throws `UserError` when it is missing, a folder, not readable, or larger than `MAX_FILE_BYTES`. Reading
 * stops at that limit, because `/dev/zero` has no end. `what` names the file in the message.
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

/**
 * The text of a UTF-8 file without its BOM. Throws `UserError` as `readBytes` does, and when it is blank or not UTF-8
 * text.
 */
export async function readText(path: string, what: string, cwd = ""): Promise<string> {
  const bytes = await readBytes(path, what, cwd);
  if (!isUtf8(bytes) || bytes.includes(0)) {
    throw new UserError(`${what} ${path} is not UTF-8 text`, "save it as UTF-8");
  }
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (text.trim() === "") throw new UserError(`${what} ${path} is empty`);
  return text;
}
