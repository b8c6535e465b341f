/** Says what to do about a file that the user named and that cannot be read. */
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, parse, resolve } from "node:path";
import { nearest } from "./nearest.ts";

/** A list and its content often share a name. More than so many would be no help. */
const MOST_MEANT = 3;

/**
 * What to do when the system says `code` of a file that was to be read; null: the reason says enough. `typed` is the path as the user
 * gave it, `path` is the same path as the system got it.
 */
export function readHint(code: string, typed: string, path: string): string | null {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return missingHint(typed, path);
    case "EISDIR":
    case "ERR_FS_EISDIR":
      return "name a file in it";
    case "EACCES":
    case "EPERM":
      return "let this user read it, and enter its folder";
    default:
      return null;
  }
}

function missingHint(typed: string, path: string): string {
  if (typed === "") return "name a file";
  const question = "is the path right?";
  try {
    const folder = statSync(dirname(path), { throwIfNoEntry: false });
    if (folder === undefined) return `${question} there is no folder ${dirname(typed)}`;
    if (!folder.isDirectory()) return `${question} ${dirname(typed)} is a file, not a folder`;
    const files = readdirSync(dirname(path), { withFileTypes: true });
    const name = basename(path);
    // The very name is there, and the system does not find it.
    const there = files.find((file) => file.name === name);
    if (there?.isSymbolicLink() === true) return "it is a link that leads nowhere";
    if (there !== undefined) return `${question} ${join(dirname(typed), name)} is a file, not a folder`;
    const meant = likeOf(
      name,
      files.filter((file) => !file.isDirectory()).map((file) => file.name),
    );
    if (meant.length > 0) return `did you mean ${meant.map((each) => join(dirname(typed), each)).join(" or ")}?`;
    return isAbsolute(typed) ? question : `${question} it starts at ${resolve(path.slice(0, -typed.length))}`;
  } catch {
    // The folder cannot be read.
    return question;
  }
}

/** The names that are `name` but for their extension, or else the one that is most like it and has its extension, or nearly. */
function likeOf(name: string, names: readonly string[]): string[] {
  const longer = names.filter((each) => parse(each).name === name).sort();
  if (longer.length > 0 && longer.length <= MOST_MEANT) return longer;
  const extension = extname(name);
  const like = nearest(
    name,
    names.filter((each) => extension === "" || nearest(extension, [extname(each)]) !== null),
  );
  return like === null ? [] : [like];
}
