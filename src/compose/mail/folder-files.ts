/** Finds and reads the files of single messages. A file that has changed since the list was imported is refused. */
import { accessSync, type BigIntStats, constants, realpathSync, statSync } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { LRUCache } from "lru-cache";
import { StoppedError } from "../../errors.ts";
import type { Attachment, MailFile, RenderedMail } from "../../message.ts";
import { base64Length, MAX_MESSAGE_BYTES } from "../content/attachment.ts";
import { keyOf, nameOf } from "./mail-file.ts";
import { RenderProblem } from "../problem.ts";

/** A file as it was found. The `stamp` is its size and time of change: as long as it is the same, so is the content. */
interface Found {
  /** The path without symbolic links. */
  real: string;
  size: number;
  stamp: string;
  device: bigint;
  inode: bigint;
}

/** SES accepts 500 MIME parts (SES quotas), and up to five of them are texts and containers. */
const MOST_FILES = 495;

/** Errors of the system that concern this file alone. Any other error (too many open files, a failing disk) may pass. */
const REASONS: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "its name is too long",
};

// While the list is imported ------------------------------------------------------------------------------------------

/** The number of files that are remembered. Most lists use few files, or each file once. */
const MOST_REMEMBERED = 1_000;

/** The files of one mail, as `Examiner` found them. */
export interface Examined {
  /** The stamps of the files, for `findFiles`; null when there are none. */
  record: string | null;
  /** The size of all files together, in bytes of base64. */
  bytes: number;
}

/** Looks at the files of many mails while a list is imported, and at the same file only once. */
export class Examiner {
  readonly #known = new LRUCache<string, Found | RenderProblem>({ max: MOST_REMEMBERED });

  /** Throws `RenderProblem` when a file cannot be sent, or the mail is too large with them. */
  examine(mail: RenderedMail): Examined {
    const { files } = mail;
    if (files === undefined) return { record: null, bytes: 0 };
    const found = files.map((file) => this.#look(file));
    checkSize(mail, found);
    return { record: recordOf(files, found), bytes: found.reduce((sum, { size }) => sum + base64Length(size), 0) };
  }

  #look(file: MailFile): Found {
    const key = `${file.folder}\0${file.path}`;
    let known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, (known = foundOrProblem(file)));
    if (known instanceof RenderProblem) throw new RenderProblem(known.message);
    return known;
  }
}

function foundOrProblem(file: MailFile): Found | RenderProblem {
  try {
    const real = inside(file, realpathSync.native(file.folder), realpathSync.native(join(file.folder, file.path)));
    const found = foundAt(file, real, statSync(real, { bigint: true }));
    // Otherwise each mail would fail when it is to leave.
    accessSync(real, constants.R_OK);
    return found;
  } catch (error) {
    if (error instanceof RenderProblem) return error;
    if (codeOf(error) === "") throw error;
    return new RenderProblem(unreadable(file, error));
  }
}

// When the mail leaves ------------------------------------------------------------------------------------------------

/** The files of a mail, found and not yet read. */
export interface FilesToRead {
  /** The size of all files together, in bytes of base64. */
  bytes: number;
  /**
   * Rejects with `RenderProblem` when a file has changed since it was found, and with errors of the system that may
   * pass.
   */
  read(): Promise<Attachment[]>;
}

/**
 * Finds the files of a mail. `record` comes from `Examiner`, when the list was imported; with null nothing is compared.
 * Rejects with `RenderProblem` when a file is gone, has changed or cannot be sent, with `StoppedError` when the folder
 * itself is gone, and with errors of the system that may pass.
 */
export async function findFiles(mail: RenderedMail, record: string | null): Promise<FilesToRead> {
  const files = mail.files ?? [];
  const found = await Promise.all(files.map(look));
  files.forEach((file, index) => checkUnchanged(file, found[index], record));
  checkSize(mail, found);
  return {
    bytes: found.reduce((sum, { size }) => sum + base64Length(size), 0),
    async read() {
      const attachments: Attachment[] = [];
      // One after the other: a mail may have hundreds of files, and the system limits how many are open.
      for (const [index, file] of files.entries()) {
        const known = found[index];
        if (known !== undefined) attachments.push(await attachmentOf(file, known));
      }
      return attachments;
    },
  };
}

/** The mail with its files as attachments, read now. Rejects as `findFiles` and `read` do. */
export async function withFiles(mail: RenderedMail): Promise<RenderedMail> {
  const { files: _files, ...rest } = mail;
  const attachments = await (await findFiles(mail, null)).read();
  return { ...rest, attachments: [...mail.attachments, ...attachments] };
}

async function look(file: MailFile): Promise<Found> {
  const folder = await realpath(file.folder).catch((error: unknown) => {
    throw codeOf(error) in REASONS ? folderGone(file) : error;
  });
  try {
    const real = inside(file, folder, await realpath(join(file.folder, file.path)));
    return foundAt(file, real, await stat(real, { bigint: true }));
  } catch (error) {
    throw codeOf(error) in REASONS ? new RenderProblem(unreadable(file, error)) : error;
  }
}

function folderGone({ folder }: MailFile): StoppedError {
  return new StoppedError(
    `the folder of the content, with the files of its messages, cannot be reached: ${folder}`,
    "put it back where it was, or take the list in from its new place with --replace-content",
  );
}

/** Files are cached up to this many bytes, so that small pictures in all mails are not read for each mail. */
const MOST_KEPT = 16 * 1024 * 1024;
const kept = new LRUCache<string, string>({
  maxSize: MOST_KEPT,
  maxEntrySize: MOST_KEPT / 8,
  sizeCalculation: (data, key) => data.length + key.length,
});

async function attachmentOf(file: MailFile, found: Found): Promise<Attachment> {
  const { fileName, contentType, contentId } = file;
  return { fileName, contentType, data: await dataOf(file, found), ...(contentId !== null && { contentId }) };
}

async function dataOf(file: MailFile, found: Found): Promise<string> {
  const key = `${found.device}:${found.inode}:${found.stamp}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const data = (await readUnchanged(file, found)).toString("base64");
  kept.set(key, data);
  return data;
}

/** Reads a file and makes sure that neither the file nor a folder above it was replaced since it was found. */
async function readUnchanged(file: MailFile, found: Found): Promise<Buffer> {
  // The path may have become a link, which must not be followed, or a pipe, which must not block. Windows has neither
  // flag: there they are undefined, and count as 0.
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(found.real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw codeOf(error) in REASONS ? new RenderProblem(unreadable(file, error)) : error;
  });
  try {
    const isSame = (other: Found) =>
      other.stamp === found.stamp && other.device === found.device && other.inode === found.inode;
    const opened = async () => foundAt(file, found.real, await handle.stat({ bigint: true }));
    if (!isSame(await opened()) || !isSame(await look(file))) throw changed(file);
    const bytes = await readAll(handle, found.size);
    if (bytes === null || !isSame(await opened())) throw changed(file);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** The first `size` bytes; null when the file has become shorter. */
async function readAll(handle: FileHandle, size: number): Promise<Buffer | null> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) return null;
    filled += bytesRead;
  }
  return bytes;
}

// Both ---------------------------------------------------------------------------------------------------------------

function inside(file: MailFile, folder: string, real: string): string {
  if (real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return real;
  throw new RenderProblem(`${nameOf(file)} leads out of the content's folder by a symbolic link`);
}

function foundAt(file: MailFile, real: string, stats: BigIntStats): Found {
  if (!stats.isFile()) throw new RenderProblem(`${nameOf(file)} is not a file`);
  if (stats.size === 0n) throw new RenderProblem(`${nameOf(file)} is empty, and SES takes no empty ones`);
  const stamp = `${stats.size.toString(36)}.${stats.mtimeNs.toString(36)}`;
  return { real, size: Number(stats.size), stamp, device: stats.dev, inode: stats.ino };
}

/**
 * Throws `RenderProblem` for too many files, or when the mail is too large as it is sent: base64 in lines of 76
 * characters.
 */
function checkSize({ html, text, attachments, files = [] }: RenderedMail, found: Found[]): void {
  const encoded = [...attachments.map(({ data }) => data.length), ...found.map(({ size }) => base64Length(size))];
  if (encoded.length > MOST_FILES) {
    throw new RenderProblem(`the mail has ${encoded.length} attachments and pictures, SES takes ${MOST_FILES}`);
  }
  const bodies = Buffer.byteLength(html) + Buffer.byteLength(text);
  const bytes = bodies + encoded.reduce((sum, length) => sum + Math.ceil((length * 78) / 76), 0);
  if (bytes <= MAX_MESSAGE_BYTES) return;
  const [largest] = files
    .map((file, index) => ({ name: nameOf(file), size: found[index]?.size ?? 0 }))
    .sort((a, b) => b.size - a.size);
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  const blame = largest === undefined ? "" : `; the largest file is ${largest.name}`;
  throw new RenderProblem(`the mail is ${megabytes} MB as it is sent (base64), SES takes 40 MB${blame}`);
}

/** One word for each file: the key of its path, and its stamp. */
function recordOf(files: MailFile[], found: Found[]): string {
  return files.map(({ path }, index) => `${keyOf(path)}.${found[index]?.stamp}`).join(" ");
}

/** A file that is not in the record was never looked at, because the content was replaced later. It is accepted. */
function checkUnchanged(file: MailFile, found: Found | undefined, record: string | null): void {
  const key = `${keyOf(file.path)}.`;
  const known = record?.split(" ").find((word) => word.startsWith(key));
  if (known !== undefined && known !== key + found?.stamp) throw changed(file);
}

function changed(file: MailFile): RenderProblem {
  return new RenderProblem(
    `${nameOf(file)} has changed since the list was taken in: put it back and retry, or send it under another topic`,
  );
}

function unreadable(file: MailFile, error: unknown): string {
  const code = codeOf(error);
  return `cannot read ${nameOf(file)}: ${REASONS[code] ?? code}`;
}

/** The code of an error of the system, such as `ENOENT`; "" for other errors. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
