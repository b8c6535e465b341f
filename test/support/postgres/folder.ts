/**
 * The folders that servers of this process live in. A keeper, a process of its own, ends what still runs there and removes
 * it all when this process is gone: after its end, Ctrl-C or kill -9.
 */
import { chown, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepFolder } from "./keeper.js";
import { serverUser } from "./programs.ts";

let kept: Promise<string> | null = null;
let made = 0;

/** A new folder that the servers' user owns. */
export async function serverFolder(): Promise<string> {
  return ownFolder(join(await (kept ??= keep()), String(made++)));
}

/** Makes a folder and gives it to the servers' user. */
export async function ownFolder(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o700 });
  await giveAway(folder);
  return folder;
}

/** Writes a file that only the servers' user reads. */
export async function writeServerFile(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  await giveAway(path);
}

async function giveAway(path: string): Promise<void> {
  const user = serverUser();
  if (user) await chown(path, user.uid, user.gid);
}

async function keep(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-servers-"));
  await giveAway(folder);
  keepFolder(folder);
  return folder;
}
