/** Starts the keeper of a folder. JavaScript, so that a process without a compiler can do it, too. */
import { spawn } from "node:child_process";

const KEEPER = new URL("keeper.sh", import.meta.url).pathname;

export function keepFolder(folder) {
  // A session of its own: Ctrl-C in a terminal reaches the whole group of the tests.
  const keeper = spawn("sh", [KEEPER, folder], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  keeper.unref();
  keeper.stdin.unref();
}
