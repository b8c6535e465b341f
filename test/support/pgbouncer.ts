/** PgBouncer in front of a test's PostgreSQL server. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { serverFolder, writeServerFile } from "./postgres/folder.ts";
import { pathOf, serverUser } from "./postgres/programs.ts";
import { type Postgres, queryOnce } from "./postgres.ts";

export interface PgBouncerOptions {
  /** Which part of a client's life has a connection of the server's to itself. Default "transaction". */
  mode?: "transaction" | "session";
  /** Connections to the server for one role and database. Default 3. */
  poolSize?: number;
}

export interface PgBouncer {
  /** The server's `url`, by way of the pooler. */
  url: string;
  adminUrl: string;
  log(): Promise<string>;
  /** Ends it as kill -9 does. */
  dispose(): Promise<void>;
}

/** Starts it; it listens when this resolves. */
export async function startPgBouncer(server: Postgres, options: PgBouncerOptions = {}): Promise<PgBouncer> {
  const [folder, port] = [await serverFolder(), await freePort()];
  await writeServerFile(join(folder, "users"), usersOf(server));
  await writeServerFile(join(folder, "pgbouncer.ini"), configuration(folder, port, server, options));
  const child = spawnPooler(folder);
  const through = (address: string) => address.replace(/:\d+\//, `:${port}/`);
  const bouncer = {
    url: through(server.url),
    adminUrl: through(server.adminUrl),
    log: () => readFile(join(folder, "log"), "utf8"),
    dispose: () => end(child, folder),
  };
  await listening(child, bouncer);
  return bouncer;
}

function spawnPooler(folder: string): ChildProcess {
  const log = openSync(join(folder, "log"), "a", 0o600);
  const stdio = ["ignore" as const, log, log];
  // A session of its own: Ctrl-C in a terminal is for the tests.
  const surroundings = { cwd: folder, stdio, detached: true, ...serverUser() };
  const child = spawn(pathOf("pgbouncer"), ["-q", join(folder, "pgbouncer.ini")], surroundings);
  child.unref();
  return child;
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

async function listening(child: ChildProcess, { adminUrl, log }: PgBouncer): Promise<void> {
  for (;;) {
    const failure = await queryOnce(adminUrl, "select 1").then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null) return;
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`pgbouncer ended:\n${await log()}`, { cause: failure });
    if ((failure as { code?: string }).code !== "ECONNREFUSED") throw failure;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Its users file has passwords as they are: it needs them to connect to the server. */
function usersOf(server: Postgres): string {
  const users = [server.url, server.adminUrl, server.guestUrl].map((address) => new URL(address));
  return users.map(({ username, password }) => `"${username}" "${password}"\n`).join("");
}

function configuration(folder: string, port: number, server: Postgres, options: PgBouncerOptions): string {
  return `[databases]
mail = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${join(folder, "users")}
pidfile = ${join(folder, "pgbouncer.pid")}
pool_mode = ${options.mode ?? "transaction"}
default_pool_size = ${options.poolSize ?? 3}
max_client_conn = 500
log_connections = 0
log_disconnections = 0
`;
}
