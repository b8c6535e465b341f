/** Tells machines, starts of machines and process tables apart. Names such as the host's are not unique. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { kill, pid } from "node:process";

/** Where a process runs. */
export interface Machine {
  /** The same for all processes that share a monotonic clock: one start of one machine. */
  boot: string;
  /** The same for all processes that see each other under their process ids; null: nobody can tell. */
  processTable: string | null;
}

let known: Machine | null = null;

/** The machine of this process. Linux has containers, so ask its kernel there; elsewhere the name of the host has to do. */
export function thisMachine(): Machine {
  return (known ??= linuxMachine() ?? { boot: `host ${hostname()}`, processTable: `host ${hostname()}` });
}

/** From proc(5): the id of this start of the kernel, and the namespace of process ids. Null: this is not Linux. */
function linuxMachine(): Machine | null {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  if (boot === null || boot === "") return null;
  const namespace = attempt(() => readlinkSync("/proc/self/ns/pid"));
  return { boot, processTable: namespace === null ? null : `${boot} ${namespace}` };
}

/** Names this process for people and for others that share a broker with it: the host and the process id. Not unique among containers. */
export function processName(): string {
  return `${hostname()}-${pid}`;
}

/** True when the process table of this process has a living process with this id. */
export function isAlive(processId: number): boolean {
  try {
    kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM means that it lives and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function attempt(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
