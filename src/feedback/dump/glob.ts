/** Expands the globs that a shell left as they are. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathFrom } from "../../read-file.ts";

/** Any number of folders, also none. */
const ANY_DEPTH = "**";

/** True when a path holds `*` or `?`. */
export function isGlob(path: string): boolean {
  return /[*?]/.test(path);
}

/**
 * The files and folders that match a pattern, sorted, each once. `*` and `?` match inside one name; `**` as a whole
 * name matches any number of folders. As in a shell, a hidden name matches only when its pattern starts with a dot, and
 * `**` does not enter linked folders. What cannot be read matches nothing. A relative pattern starts at `cwd`, and the
 * paths found are relative to it, too.
 *
 * Written by hand, because dumps are often reached through links. tinyglobby and fast-glob either leave out linked
 * files and folders, or follow links inside `**` and give one file under many names. `fs.glob` exists only in Node 22
 * and later.
 */
export async function glob(pattern: string, cwd = ""): Promise<string[]> {
  const absolute = pattern.startsWith("/");
  const names = pattern.split("/").filter((name) => name !== "");
  const found = await matches(absolute ? "/" : "", names, cwd);
  return [...new Set(found)].sort();
}

async function matches(folder: string, names: readonly string[], cwd: string): Promise<string[]> {
  const [name, ...rest] = names;
  if (name === undefined) return [folder];
  if (name === ANY_DEPTH) return anyDepth(folder, names, rest, cwd);
  if (!isGlob(name)) return matchesOf(join(folder, name), rest, cwd);
  const expression = expressionOf(name);
  const found: string[] = [];
  for (const { name: entry } of await entriesOf(folderFrom(cwd, folder))) {
    if (!expression.test(entry) || (entry.startsWith(".") && !name.startsWith("."))) continue;
    for (const match of await matchesOf(join(folder, entry), rest, cwd)) found.push(match);
  }
  return found;
}

/**
 * Checks that the path at the end of a pattern exists: a name without wildcards was not looked up, and a link may lead
 * nowhere.
 */
async function matchesOf(path: string, rest: readonly string[], cwd: string): Promise<string[]> {
  if (rest.length > 0) return matches(path, rest, cwd);
  return (await stat(pathFrom(cwd, path)).catch(() => null)) === null ? [] : [path];
}

/** Matches `**`. At the end of a pattern it gives the folder itself, which is read recursively. */
async function anyDepth(
  folder: string,
  names: readonly string[],
  rest: readonly string[],
  cwd: string,
): Promise<string[]> {
  if (rest.length === 0) return [folder === "" ? "." : folder];
  const found = await matches(folder, rest, cwd);
  for (const entry of await entriesOf(folderFrom(cwd, folder))) {
    if (entry.isDirectory() && !entry.name.startsWith(".")) {
      for (const match of await matches(join(folder, entry.name), names, cwd)) found.push(match);
    }
  }
  return found;
}

/** The folder to read. At the start of a relative pattern no folder is named yet. */
function folderFrom(cwd: string, folder: string): string {
  return pathFrom(cwd, folder === "" ? "." : folder);
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

function expressionOf(name: string): RegExp {
  const escaped = name.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`, "su");
}
