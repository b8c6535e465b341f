import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathFrom } from "../../read-file.ts";

/** `**`: any number of folders, also none. */
const ANY_DEPTH = "**";

/** True when a path has `*` or `?` in it. */
export function isGlob(path: string): boolean {
  return /[*?]/.test(path);
}

/**
 * The files and folders a pattern stands for, sorted: `*` and `?` match inside one name, `**` as a whole name matches any
 * number of folders. As in a shell hidden names match only when the pattern starts with a dot too, and `**` does not enter
 * linked folders. What cannot be read matches nothing. A relative pattern starts at `cwd`, and so do the paths it gives.
 *
 * Written by hand because dumps are often reached by links. tinyglobby and fast-glob either leave out linked files and folders, or follow
 * links inside `**` and give one file by many names; `fs.glob` is in Node 22 and later only.
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
    found.push(...(await matchesOf(join(folder, entry), rest, cwd)));
  }
  return found;
}

/** The end of a pattern has to be there: a name without wildcards was not looked for, and a link may lead nowhere. */
async function matchesOf(path: string, rest: readonly string[], cwd: string): Promise<string[]> {
  if (rest.length > 0) return matches(path, rest, cwd);
  return (await stat(pathFrom(cwd, path)).catch(() => null)) === null ? [] : [path];
}

/** At the end of a pattern the folder itself, which is read recursively. */
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
      found.push(...(await matches(join(folder, entry.name), names, cwd)));
    }
  }
  return found;
}

/** Where a pattern begins that does not begin at the root, no folder is named yet. */
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
