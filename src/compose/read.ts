import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { UserError } from "../errors.ts";

const REASONS: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
};

/** What the user is told when the system refuses a file. Anything else is returned as it came. */
export function fileProblem(error: unknown, what: string, path: string, verb: "read" | "write" = "read"): unknown {
  const code = error instanceof Error && "code" in error ? error.code : null;
  const because = typeof code === "string" ? REASONS[code] : undefined;
  return because === undefined ? error : new UserError(`cannot ${verb} ${what} ${path}: ${because}`);
}

/** The bytes of a file. Throws `UserError` when it is missing, a folder, or not readable. */
export async function readBytes(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileProblem(error, what, path);
  }
}

/** The text of a UTF-8 file, its BOM dropped. Throws `UserError` also when it is empty or not UTF-8. */
export async function readText(path: string, what: string): Promise<string> {
  const bytes = await readBytes(path, what);
  if (!isUtf8(bytes) || bytes.includes(0)) {
    throw new UserError(`${what} ${path} is not UTF-8 text`, "save it as UTF-8");
  }
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  if (text.trim() === "") throw new UserError(`${what} ${path} is empty`);
  return text;
}
