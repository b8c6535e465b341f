/**
 * Temporary files beside the files that they will become. They hold addresses, so none may stay for ever: whoever writes into a
 * folder removes what dead processes left there.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pid } from "node:process";
import { isAlive, thisMachine } from "./machine.ts";

/** Who writes into a file changes its time. One that was left alone for so long belongs to nobody. */
const LEFT_ALONE_MS = 3_600_000;
/** What SQLite puts behind the name of a file for the files beside it. */
const NAME = /^\.ses-mail-(?:([0-9a-f]{8})-(\d+)-)?([0-9a-f]{12})\.tmp(?:-wal|-shm|-journal)?$/;

/** The random parts of the names that this process gave. */
const ours = new Set<string>();

/**
 * Returns the path of a temporary file in `folder`, which is not created. Its name says which process it belongs to. Removes
 * the temporary files of dead processes in that folder. Never throws.
 */
export function temporaryPath(folder: string): string {
  sweep(folder);
  const random = randomBytes(6).toString("hex");
  ours.add(random);
  return join(folder, `.ses-mail-${tableName()}-${pid}-${random}.tmp`);
}

function sweep(folder: string): void {
  for (const name of namesIn(folder)) {
    try {
      if (isLeft(join(folder, name), name)) rmSync(join(folder, name), { force: true });
    } catch {
      // It is gone, or belongs to somebody else.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => NAME.test(name));
  } catch {
    return [];
  }
}

function isLeft(path: string, name: string): boolean {
  const [, table, owner, random = ""] = NAME.exec(name) ?? [];
  if (ours.has(random)) return false;
  const seesOwner = table === tableName() && thisMachine().processTable !== null;
  // With our own process id, it was of an earlier process.
  if (seesOwner && (Number(owner) === pid || !isAlive(Number(owner)))) return true;
  return Date.now() - statSync(path).mtimeMs > LEFT_ALONE_MS;
}

function tableName(): string {
  return createHash("sha256").update(String(thisMachine().processTable)).digest("hex").slice(0, 8);
}
