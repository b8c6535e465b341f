/** Where programs of the system's packages are. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** The path of a program in PATH or /usr/sbin; null when there is none. */
export function programIn(name: string): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
