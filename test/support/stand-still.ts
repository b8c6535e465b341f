/** Processes that are stopped, and known to stand still. */
import { readdirSync, readFileSync } from "node:fs";
import { kill } from "node:process";
import { until } from "./run.ts";

/** Sends SIGSTOP and waits until it has taken effect: on a busy machine the process may go on for a while. SIGCONT lets it go on. */
export async function standStill(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error("a process that was not started cannot stand still");
  kill(pid, "SIGSTOP");
  await until(() => statesOf(pid).every((state) => state === "T"), "a process to stand still");
}

/** The state of each of its threads, as the kernel has it: the letter behind the name, which may have any character. */
function statesOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((task) => {
    const text = readFileSync(`${tasks}/${task}/stat`, "utf8");
    return text.charAt(text.lastIndexOf(")") + 2);
  });
}
