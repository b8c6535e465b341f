/** The disk behind the files of single messages: where they really are, and whether they are what they were when the list was taken in. */
import { type BigIntStats, constants, realpathSync, statSync } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { LRUCache } from "lru-cache";
import { StoppedError } from "../../errors.ts";
import type { Attachment, MailFile, RenderedMail } from "../../message.ts";
import { base64Length, MAX_MESSAGE_BYTES } from "../content/attachment.ts";
import { keyOf, nameOf } from "./mail-file.ts";
import { RenderProblem } from "../problem.ts";

/** A file as it was found. Two with the same `stamp` (size and time of change) hold the same. */
interface Found {
  /** Its path without symbolic links. */
  real: string;
  size: number;
  stamp: string;
  device: bigint;
  inode: bigint;
}

/** SES takes 500 MIME parts; texts and containers are up to five of them (SES quotas). */
const MOST_FILES = 495;

/** What the system says of a file that cannot go with this message. Anything else (too many open files, a disk that fails) may pass. */
const REASONS: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "its name is too long",
};

// While the list is taken in ------------------------------------------------------------------------------------------

/** Of so many files it is remembered how they were found: most lists name few, or each file once. */
const MOST_REMEMBERED = 1_000;

export interface Examined {
  /** What tells later whether a file has changed; null: there are none. */
  record: string | null;
  /** The sum of the files as they are sent, in base64. */
  bytes: number;
}

/** Looks at the files of one mail after another, and at the same file once. */
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
    return foundAt(file, real, statSync(real, { bigint: true }));
  } catch (error) {
    if (error instanceof RenderProblem) return error;
    if (codeOf(error) === "") throw error;
    return new RenderProblem(unreadable(file, error));
  }
}

// When the mail leaves ------------------------------------------------------------------------------------------------

/** The mail's files, found and not yet read. */
export interface FilesToRead {
  /** What they take together, in base64. */
  bytes: number;
  /** Throws `RenderProblem` when one has changed meanwhile, and what the system throws. */
  read(): Promise<Attachment[]>;
}

/**
 * Finds the files of a mail. `record` is what `Examiner` made of them when the list was taken in; null: then nothing is compared. Throws
 * `RenderProblem` when one is gone, has changed or cannot be sent, `StoppedError` when the folder itself is gone, and what the system throws
 * when it may pass.
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
      // One after the other: mails may have hundreds, and the system has only so many files open.
      for (const [index, file] of files.entries()) {
        const known = found[index];
        if (known !== undefined) attachments.push(await attachmentOf(file, known));
      }
      return attachments;
    },
  };
}

/** The mail with its files as they are now. Throws as `findFiles` does. */
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

/** The small pictures that all mails show are not read again for each. */
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

/** Nothing of what was looked at may have been exchanged before it is read, neither the file nor a folder above it. */
async function readUnchanged(file: MailFile, found: Found): Promise<Buffer> {
  // Not followed where it leads elsewhere by now, nor waited for where it has become a pipe. Windows knows neither, and
  // what is not there is 0 here.
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

/** Null when the file has fewer bytes by now. */
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

/** Bytes as they are sent: base64 in lines of 76 characters. */
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

/** One word a file: a key of its path, and its stamp. */
function recordOf(files: MailFile[], found: Found[]): string {
  return files.map(({ path }, index) => `${keyOf(path)}.${found[index]?.stamp}`).join(" ");
}

/** A file that the record does not know was not looked at: the content was replaced since. */
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

/** `ENOENT` and its like; "" for what is no error of the system. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
