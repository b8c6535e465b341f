/** Says what to do about a file that the user named and that cannot be read. */
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, parse, resolve } from "node:path";
import { nearest } from "./nearest.ts";

/**
 * What to do when the system says `code` of a file that was to be read; null: the reason says enough. `typed` is the path as the user
 * gave it, `path` the same as the system was asked for.
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
    const meant = likeIn(dirname(path), basename(path));
    if (meant !== null) return `did you mean ${join(dirname(typed), meant)}?`;
    return isAbsolute(typed) ? question : `${question} it starts at ${resolve(path.slice(0, -typed.length))}`;
  } catch {
    // The folder cannot be read.
    return question;
  }
}

/** The file of a folder that has the name but for its extension, or else the one whose name is most like it. */
function likeIn(folder: string, name: string): string | null {
  const names = readdirSync(folder);
  const [longer, ...others] = names.filter((each) => parse(each).name === name);
  return longer !== undefined && others.length === 0 ? longer : nearest(name, names);
}
