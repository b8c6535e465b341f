/**
 * Where the programs of PostgreSQL are, and as whom they run. The folder in SES_MAIL_TEST_POSTGRES comes first, so that tests can be
 * run on another version: its `initdb`, `pg_ctl` and `postgres`.
 */
import { execFile, execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Debian keeps each version in a folder of its own, and none of them in PATH. */
const DEBIAN = "/usr/lib/postgresql";
/** The oldest version that the store works on. */
const OLDEST = 14;

/** The user a server runs as, where the tests run as root: PostgreSQL and PgBouncer refuse root. */
interface User {
  uid: number;
  gid: number;
}

/** Runs one program to its end, in `cwd`. Rejects with all that it wrote when it fails. */
export type RunProgram = (name: string, args: string[], cwd: string, env?: Record<string, string>) => Promise<string>;

/** Null where a program can be run, otherwise a line that says what is missing and how to get it. */
export function whyNoPostgres(): string | null {
  for (const name of ["initdb", "pg_ctl", "postgres", "pg_basebackup"])
    if (find(name) === null)
      return `there is no ${name} of PostgreSQL ${OLDEST} or later in ${DEBIAN}/*/bin or PATH (apt-get install postgresql)`;
  return whyNoUser();
}

/** The same for PgBouncer. */
export function whyNoPgBouncer(): string | null {
  if (find("pgbouncer") === null) return "there is no pgbouncer in PATH or /usr/sbin (apt-get install pgbouncer)";
  return whyNoUser();
}

/** The same for a server with a clock of its own. */
export function whyNoFaketime(): string | null {
  return find("faketime") === null ? "there is no faketime in PATH (apt-get install faketime)" : null;
}

/** The same for Redis. Older ones change their names in `ps`, so that the keeper would not know them. */
export function whyNoRedis(): string | null {
  const path = find("redis-server");
  const version = path === null ? null : /v=(\d+)/.exec(execFileSync(path, ["--version"], { encoding: "utf8" }))?.[1];
  if (version !== null && Number(version) >= 7) return whyNoUser();
  return "there is no redis-server 7 or later in PATH or /usr/sbin (apt-get install redis-server)";
}

function whyNoUser(): string | null {
  if (process.getuid?.() !== 0 || ordinaryUser() !== null) return null;
  return "it refuses to run as root, and there is no user postgres or nobody";
}

/** Path of a program. @throws when there is none. */
export function pathOf(name: string): string {
  const path = find(name);
  if (path === null) throw new Error(`there is no ${name}`);
  return path;
}

function find(name: string): string | null {
  const { SES_MAIL_TEST_POSTGRES: chosen, PATH = "" } = process.env;
  const folders = [...(chosen ? [chosen] : []), ...debianFolders(), ...PATH.split(":"), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isProgram) ?? null;
}

/** Newest first. */
function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN)
      .map(Number)
      .filter((version) => version >= OLDEST);
    return versions.toSorted((a, b) => b - a).map((version) => join(DEBIAN, String(version), "bin"));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whom to run a server as: null means as we are. */
export function serverUser(): User | null {
  return process.getuid?.() === 0 ? ordinaryUser() : null;
}

function ordinaryUser(): User | null {
  const lines = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const line = lines.find(([user]) => user === name);
    if (line) return { uid: Number(line[2]), gid: Number(line[3]) };
  }
  return null;
}

export const runProgram: RunProgram = async (name, args, cwd, env = {}) => {
  const PATH = process.env["PATH"] ?? "";
  // Plain messages, whatever the language of whoever runs the tests.
  const surroundings = { cwd, env: { PATH, LC_ALL: "C", ...env }, ...serverUser() };
  try {
    return (await promisify(execFile)(pathOf(name), args, surroundings)).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${name} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
};
