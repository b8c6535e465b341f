import { createReadStream } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileProblem } from "../compose/read.ts";
import { UserError } from "../errors.ts";
import { glob, isGlob } from "./glob.ts";

/** Four times the default: fewer pieces, and a record is cut in two less often. */
const CHUNK_BYTES = 262_144;
/** What `ingest-events` writes beside a dump; read again it would be malformed for ever. */
const OWN_FILES = ".rejects";

export interface Source {
  /** The path as given or found; `stdin` for `-`. */
  name: string;
  stream: Readable;
}

/**
 * Opens what the user named, one after the other: files and pipes as they are; folders recursively and globs (`*`, `?`,
 * `**`) the shell did not expand, both sorted, without hidden files, `*.rejects`, and linked folders; `-` is stdin, once.
 * Throws `UserError` before the first is opened when one is missing, not readable, or a glob finds nothing. The stream is
 * destroyed when the next source is asked for.
 */
export async function* openSources(paths: readonly string[], io: { stdin: Readable }): AsyncGenerator<Source> {
  if (paths.filter((path) => path === "-").length > 1) throw new UserError("- (stdin) can be read only once");
  const files: string[] = [];
  for (const path of paths) for (const file of await filesOf(path)) files.push(file);
  for (const file of files) {
    if (file === "-") yield { name: "stdin", stream: io.stdin };
    else yield* opened(file);
  }
}

async function* opened(file: string): AsyncGenerator<Source> {
  const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  try {
    yield { name: file, stream };
  } finally {
    stream.destroy();
  }
}

async function filesOf(path: string): Promise<string[]> {
  if (path === "-") return [path];
  const info = await stat(path).catch(() => null);
  if (info === null && isGlob(path)) return filesOfGlob(path);
  try {
    if ((info ?? (await stat(path))).isDirectory()) return await filesIn(path);
    await access(path, constants.R_OK);
    return [path];
  } catch (error) {
    throw fileProblem(error, "events", (error as NodeJS.ErrnoException).path ?? path);
  }
}

async function filesOfGlob(pattern: string): Promise<string[]> {
  const found = (await glob(pattern)).filter((path) => !path.endsWith(OWN_FILES));
  if (found.length === 0) throw new UserError(`no file matches ${pattern}`);
  const files: string[] = [];
  for (const path of found) for (const file of await filesOf(path)) files.push(file);
  return [...new Set(files)];
}

/** Files only: what else lies in a folder (pipes, sockets) would be waited for without end. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith(".") || entry.name.endsWith(OWN_FILES)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) for (const file of await filesIn(path)) files.push(file);
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isReadableFile(path)))) files.push(path);
  }
  for (const file of files) await access(file, constants.R_OK);
  return files;
}

async function isReadableFile(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && info.isFile();
}
