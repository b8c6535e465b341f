/** Another clock for one server: libfaketime, which reads its offset from a file. Time since boot stays as it is. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeServerFile } from "./folder.ts";
import { pathOf } from "./programs.ts";

/** The environment of a server whose clock is `offset` ahead ("+1h") or behind ("-30s"). */
export async function fakeClock(folder: string, offset: string): Promise<Record<string, string>> {
  await setFakeClock(folder, offset);
  return {
    LD_PRELOAD: await library(),
    FAKETIME_TIMESTAMP_FILE: fileOf(folder),
    FAKETIME_NO_CACHE: "1",
    // A server waits by it, and no setting of a clock moves it.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    // Without these, the processes of a server share memory in /dev/shm, which stays there after a crash.
    FAKETIME_DISABLE_SHM: "1",
  };
}

/** The server sees it at its next look at the clock. */
export const setFakeClock = (folder: string, offset: string): Promise<void> =>
  writeServerFile(fileOf(folder), `${offset}\n`);

const fileOf = (folder: string): string => join(folder, "clock");

/** Where the package put the library, which the program itself knows best. */
async function library(): Promise<string> {
  const { stdout } = await promisify(execFile)(pathOf("faketime"), ["-f", "+0", "sh", "-c", 'echo "$LD_PRELOAD"']);
  return stdout.trim();
}
