/** Opens the dumps of events that the user named. */
import { createReadStream, type Dirent } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import { fileProblem, pathFrom } from "../../read-file.ts";
import { UserError } from "../../errors.ts";
import { glob, isGlob } from "./glob.ts";

/** Four times Node's default: with fewer pieces, a record is cut in two less often. */
const CHUNK_BYTES = 262_144;
/** What `ingest-events` writes beside a dump. Read again, it would be malformed for ever. */
const OWN_FILES = ".rejects";

/** One dump, open for reading. */
export interface Dump {
  /** The path as it was given or found; `stdin` for `-`. */
  name: string;
  stream: Readable;
}

/** Where dumps are, and a callback for what is not read. */
export interface DumpsIo {
  /** The folder that relative paths start at; the working directory of the process when not given. */
  cwd?: string;
  stdin: Readable;
  /** Called for each entry of a folder that is not read, and for a folder with nothing to read: the path and why. */
  onSkipped(reason: string): void;
}

/**
 * Finds the files of what the user named, for `openDumps`. Files and pipes are read as they are. Folders are read recursively,
 * and globs (`*`, `?`, `**`) that the shell did not expand are expanded; both are sorted and leave out hidden files,
 * `*.rejects` and linked folders. `-` is stdin, which may be named once.
 * @throws UserError when a path is missing or not readable, or a glob matches nothing.
 */
export async function findDumps(paths: readonly string[], io: Omit<DumpsIo, "stdin">): Promise<string[]> {
  if (paths.filter((path) => path === "-").length > 1) throw new UserError("- (stdin) can be read only once");
  const files: string[] = [];
  for (const path of paths) for (const file of await filesOf(path, io)) files.push(file);
  return files;
}

/** Opens files that `findDumps` found, one after the other. A stream is destroyed when the next dump is asked for. */
export async function* openDumps(files: readonly string[], io: Pick<DumpsIo, "cwd" | "stdin">): AsyncGenerator<Dump> {
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

async function filesOf(path: string, io: Omit<DumpsIo, "stdin">): Promise<string[]> {
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

/** The path of a file below `typed`, written the way `typed` was: from the root, or from `cwd`. */
function asTyped(file: string, typed: string, cwd: string): string {
  return isAbsolute(typed) || cwd === "" ? file : file.slice(cwd.length + 1);
}

async function filesOfGlob(pattern: string, io: Omit<DumpsIo, "stdin">): Promise<string[]> {
  const found = (await glob(pattern, io.cwd)).filter((path) => !path.endsWith(OWN_FILES));
  if (found.length === 0) throw new UserError(`no file matches ${pattern}`);
  const files: string[] = [];
  for (const path of found) for (const file of await filesOf(path, io)) files.push(file);
  return [...new Set(files)];
}

/** The files of a folder. Nothing else is opened: a pipe or socket might never end. */
async function filesIn(folder: string, io: Omit<DumpsIo, "stdin">): Promise<string[]> {
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
