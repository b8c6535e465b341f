/** Real PostgreSQL servers, each in a folder of its own and on a port of its own. None is assumed to run. */
import { appendFile, readFile, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { fakeClock, setFakeClock } from "./postgres/fake-clock.ts";
import { freePort } from "./free-port.ts";
import { serverFolder, writeServerFile } from "./postgres/folder.ts";
import { runProgram } from "./postgres/programs.ts";
import { serverCertificate } from "./postgres/tls.ts";

export interface PostgresOptions {
  /** Default false: what is written need not outlive the machine. */
  fsync?: boolean;
  /** Lines of postgresql.conf, for example `{ max_connections: "10" }`. */
  settings?: Record<string, string>;
  /** Of the database. Default UTF8. */
  encoding?: "UTF8" | "SQL_ASCII";
  /** Shifts the server's clock, for example "+1h" or "-30s" (faketime). `setClock` shifts it again while it runs. */
  clock?: string;
  /** The host name in a certificate that nobody else signed. With one the server takes TLS, without one it does not. */
  tls?: string;
  /** Where it lives. Default: a new folder that is gone when this process is. */
  folder?: string;
}

type StopMode = "smart" | "fast" | "immediate";

export interface Postgres {
  /** As the role `mail`, which owns the database `mail` and is no superuser. */
  url: string;
  /** As a superuser, on the same database. */
  adminUrl: string;
  /** As a role that may connect, and nothing else. */
  guestUrl: string;
  port: number;
  /** What the server wrote. */
  logFile: string;
  /** The server's certificate, as a file for `sslrootcert`; null without TLS. */
  certificate: string | null;
  start(): Promise<void>;
  stop(mode?: StopMode): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** Rows of one statement, run by a superuser on a connection of its own. */
  query(sql: string, parameters?: unknown[]): Promise<Row[]>;
  /** Changes settings of the running server. Those that need a restart wait for one. */
  set(settings: Record<string, string>): Promise<void>;
  /** Only of a server that was started with `clock`. */
  setClock(offset: string): Promise<void>;
  log(): Promise<string>;
  /** Makes a primary of a standby. */
  promote(): Promise<void>;
  /** Ends it and removes its folder. Safe to call twice. */
  dispose(): Promise<void>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- the columns are those of the statement
export type Row = any;

/** All that a server needs to be started, however its data came to be. */
export interface Installed {
  folder: string;
  port: number;
  password: string;
  options: PostgresOptions;
}

/** A server that no test has touched. Takes a second or two. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const installed = {
    folder: options.folder ?? (await serverFolder()),
    port: await freePort(),
    password: newPassword(),
    options,
  };
  await initialise(installed);
  const server = await startInstalled(installed);
  await makeDatabase(server, installed);
  return server;
}

const newPassword = (): string => randomBytes(12).toString("hex");

/** The data of `installed` is there: configures the server and starts it. */
export async function startInstalled(installed: Installed): Promise<Postgres> {
  await configure(installed);
  const server = controls(installed);
  await server.start();
  return server;
}

async function initialise({ folder, password }: Installed): Promise<void> {
  const passwordFile = join(folder, "password");
  await writeServerFile(passwordFile, password);
  const account = ["-U", "postgres", "--pwfile", passwordFile, "-A", "password"];
  await runProgram("initdb", ["-D", dataOf(folder), ...account, "-E", "UTF8", "--locale=C", "--no-sync"], folder);
}

/** Where a server keeps its data. */
export const dataOf = (folder: string): string => join(folder, "data");

async function configure({ folder, port, options }: Installed): Promise<void> {
  if (options.tls !== undefined) await serverCertificate(folder, options.tls);
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    // A path in the folder may be too long for a socket, and /tmp would keep what a crash leaves.
    unix_socket_directories: "",
    // Shared memory in files of the folder, so that nothing is left in /dev/shm.
    dynamic_shared_memory_type: "mmap",
    shared_buffers: "32MB",
    max_connections: "100",
    fsync: options.fsync === true ? "on" : "off",
    TimeZone: "UTC",
    log_line_prefix: "%m [%p] %u@%d ",
    ...(options.tls === undefined ? {} : { ssl: "on", ssl_cert_file: "../server.crt", ssl_key_file: "../server.key" }),
    ...options.settings,
  };
  await appendFile(join(dataOf(folder), "postgresql.conf"), settingLines(settings));
}

const settingLines = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");

function controls(installed: Installed): Postgres {
  const { folder, port, password, options } = installed;
  const logFile = join(folder, "log");
  const address = (role: string, secret: string) => `postgres://${role}:${secret}@127.0.0.1:${port}/mail`;
  const adminUrl = address("postgres", password);
  const control = (args: string[], env?: Record<string, string>) =>
    runProgram("pg_ctl", ["-D", dataOf(folder), "-w", "-t", "60", ...args], folder, env);
  let clockOffset = options.clock;
  const start = async () => {
    const clock = clockOffset === undefined ? {} : await fakeClock(folder, clockOffset);
    await control(["-l", logFile, "start"], clock);
  };
  const stop = async (mode: StopMode = "fast") => void (await control(["-m", mode, "stop"]));
  let gone: Promise<void> | null = null;
  return {
    url: address("mail", password),
    adminUrl,
    guestUrl: address("guest", password),
    port,
    logFile,
    certificate: options.tls === undefined ? null : join(folder, "server.crt"),
    start,
    stop,
    restart: async (mode) => (await stop(mode), await start()),
    query: (sql, parameters) => queryOnce(adminUrl, sql, parameters),
    async set(settings) {
      await appendFile(join(dataOf(folder), "postgresql.conf"), settingLines(settings));
      await control(["reload"]);
    },
    async setClock(offset) {
      if (clockOffset === undefined) throw new Error("start the server with a clock of its own");
      clockOffset = offset;
      await setFakeClock(folder, offset);
    },
    log: () => readFile(logFile, "utf8"),
    promote: async () => void (await control(["promote"])),
    dispose: () => (gone ??= remove(folder, stop)),
  };
}

async function remove(folder: string, stop: (mode: StopMode) => Promise<void>): Promise<void> {
  // It fails when the server is down already.
  await stop("immediate").catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Rows of one statement, on a connection of its own. */
export async function queryOnce(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

async function makeDatabase(server: Postgres, { password, options }: Installed): Promise<void> {
  const postgres = server.adminUrl.replace(/mail$/, "postgres");
  const encoding = options.encoding ?? "UTF8";
  for (const statement of [
    `create role mail login password '${password}'`,
    `create role guest login password '${password}'`,
    `create database mail owner mail template template0 encoding '${encoding}' lc_collate 'C' lc_ctype 'C'`,
  ])
    await queryOnce(postgres, statement);
  // Until PostgreSQL 15 everybody might create tables there.
  await server.query("revoke create on schema public from public");
}
