import { createReadStream, type Dirent } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import { fileProblem, pathFrom } from "../../read-file.ts";
import { UserError } from "../../errors.ts";
import { glob, isGlob } from "./glob.ts";

/** Four times the default: fewer pieces, and a record is cut in two less often. */
const CHUNK_BYTES = 262_144;
/** What `ingest-events` writes beside a dump; read again it would be malformed for ever. */
const OWN_FILES = ".rejects";

export interface Dump {
  /** The path as given or found; `stdin` for `-`. */
  name: string;
  stream: Readable;
}

export interface DumpsIo {
  /** Where relative paths start; the working directory of the process when not given. */
  cwd?: string;
  stdin: Readable;
  /** Told of what a folder holds and is not read, and of a folder with nothing to read: the path and why. */
  onSkipped(reason: string): void;
}

/**
 * Opens what the user named, one after the other: files and pipes as they are; folders recursively and globs (`*`, `?`,
 * `**`) the shell did not expand, both sorted, without hidden files, `*.rejects`, and linked folders; `-` is stdin, once.
 * Throws `UserError` before the first is opened when one is missing, not readable, or a glob finds nothing. The stream is
 * destroyed when the next dump is asked for.
 */
export async function* openDumps(paths: readonly string[], io: DumpsIo): AsyncGenerator<Dump> {
  if (paths.filter((path) => path === "-").length > 1) throw new UserError("- (stdin) can be read only once");
  const files: string[] = [];
  for (const path of paths) for (const file of await filesOf(path, io)) files.push(file);
  for (const file of files) {
    if (file === "-") yield { name: "stdin", stream: io.stdin };
    else yield* opened(file, io.cwd);
  }
}

async function* opened(file: string, cwd = ""): AsyncGenerator<Dump> {
  const stream = createReadStream(pathFrom(cwd, file), { highWaterMark: CHUNK_BYTES });
  try {
    yield { name: file, stream };
  } finally {
    stream.destroy();
  }
}

async function filesOf(path: string, io: DumpsIo): Promise<string[]> {
  if (path === "-") return [path];
  const { cwd = "" } = io;
  const file = pathFrom(cwd, path);
  const info = await stat(file).catch(() => null);
  if (info === null && isGlob(path)) return filesOfGlob(path, io);
  try {
    if ((info ?? (await stat(file))).isDirectory()) {
      const files = await filesIn(path, io);
      if (files.length === 0) io.onSkipped(`${path}: no file to read in this folder`);
      return files;
    }
    await access(file, constants.R_OK);
    return [path];
  } catch (error) {
    throw fileProblem(error, "events", asTyped((error as NodeJS.ErrnoException).path ?? file, path, cwd));
  }
}

/** A file below the path `typed`, in the way that was given: from the root, or from `cwd`. */
function asTyped(file: string, typed: string, cwd: string): string {
  return isAbsolute(typed) || cwd === "" ? file : file.slice(cwd.length + 1);
}

async function filesOfGlob(pattern: string, io: DumpsIo): Promise<string[]> {
  const found = (await glob(pattern, io.cwd)).filter((path) => !path.endsWith(OWN_FILES));
  if (found.length === 0) throw new UserError(`no file matches ${pattern}`);
  const files: string[] = [];
  for (const path of found) for (const file of await filesOf(path, io)) files.push(file);
  return [...new Set(files)];
}

/** Files only: what else lies in a folder (pipes, sockets) would be waited for without end. */
async function filesIn(folder: string, io: DumpsIo): Promise<string[]> {
  const { cwd = "" } = io;
  const entries = await readdir(pathFrom(cwd, folder), { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith(".") || entry.name.endsWith(OWN_FILES)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) for (const file of await filesIn(path, io)) files.push(file);
    else {
      const obstacle = await obstacleOf(entry, pathFrom(cwd, path));
      if (obstacle === null) files.push(path);
      else io.onSkipped(`${path}: ${obstacle}, not read`);
    }
  }
  for (const file of files) await access(pathFrom(cwd, file), constants.R_OK);
  return files;
}

/** Why an entry of a folder is not read; null when it is. */
async function obstacleOf(entry: Dirent, path: string): Promise<string | null> {
  if (entry.isFile()) return null;
  if (!entry.isSymbolicLink()) return "not a file";
  const info = await stat(path).catch(() => null);
  if (info === null) return "a link that leads nowhere";
  if (info.isDirectory()) return "a link to a folder";
  return info.isFile() ? null : "not a file";
}
