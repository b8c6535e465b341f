/**
 * Checks the paths of files that are sent with one message. The paths come from templates and lists, so they are
 * checked before anything is read: a value must not lead out of the content's folder, nor to hidden files.
 */
import { createHash } from "node:crypto";
import { platform } from "node:os";
import { posix } from "node:path";
import type { MailFile } from "../../message.ts";
import { contentTypeOf, nameProblem } from "../content/attachment.ts";
import { RenderProblem } from "../problem.ts";
import { shortened } from "../../printable.ts";

/** The most characters of a path. No system accepts many more, and error messages show the path. */
const MOST_PATH = 1_000;

/**
 * An attachment by its path from the content's folder, which need not exist. Throws `RenderProblem` for a path that
 * must not be sent.
 */
export function attachmentAt(folder: string, written: string): MailFile {
  const path = pathIn(written, `the attachment ${shown(written)}`);
  return { folder, path, fileName: posix.basename(path), contentType: contentTypeOf(path), contentId: null };
}

/**
 * A picture that the HTML shows, by its path from the content's folder, which need not exist. The same path always
 * gives the same Content-ID. Throws `RenderProblem` for a path that must not be sent, or is no picture by its
 * extension.
 */
export function pictureAt(folder: string, written: string): MailFile {
  const what = `the picture ${shown(written)}`;
  const path = pathIn(written, what);
  const contentType = contentTypeOf(path);
  // A value must not make us send some other file as a picture.
  if (!contentType.startsWith("image/"))
    throw new RenderProblem(`${what} is no picture: it does not end in .png, .jpg, .gif or the like`);
  return { folder, path, fileName: posix.basename(path), contentType, contentId: `${keyOf(path)}@ses-mail` };
}

/** The Content-ID of the picture at a path of the HTML; null when no picture can have that path. */
export function contentIdAt(written: string): string | null {
  try {
    return pictureAt("", written).contentId;
  } catch (error) {
    if (error instanceof RenderProblem) return null;
    throw error;
  }
}

/** The name of a file in error messages: `the attachment invoices/7.pdf`. */
export function nameOf({ path, contentId }: MailFile): string {
  return `the ${contentId === null ? "attachment" : "picture"} ${path}`;
}

/** 64 bits of a path, as 16 hex digits. */
export function keyOf(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 16);
}

function pathIn(written: string, what: string): string {
  const problem = pathProblem(written);
  if (problem !== null) throw new RenderProblem(`${what} ${problem}`);
  const path = posix.normalize(written);
  const refused = nameProblem(posix.basename(path));
  if (refused !== null) throw new RenderProblem(`${what}: ${refused}`);
  return path;
}

function pathProblem(path: string): string | null {
  if (path.length > MOST_PATH) return `is a path of more than ${MOST_PATH} characters`;
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(path)) return "has a control character in its name";
  if (path.includes("\\")) return "has a backslash: write / between folders";
  if (path.startsWith("/") || /^[a-z]:/i.test(path))
    return "is not inside the content's folder: write its path from there";
  const names = path.split("/");
  if (names.includes("..")) return "leads out of the content's folder";
  if (names.some((name) => name.startsWith(".") && name !== "."))
    return "is hidden: what begins with a dot is not sent";
  // `file.pdf:stream` is a stream of NTFS.
  return platform() === "win32" && path.includes(":") ? "has a colon in its name" : null;
}

function shown(path: string): string {
  const start = path.length > MOST_PATH ? shortened(path, 60) : path;
  // oxlint-disable-next-line no-control-regex
  return /[\x00-\x1f\x7f]/.test(start) ? JSON.stringify(start) : start;
}
