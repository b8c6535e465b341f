/** Real Redis servers, each in a folder of its own and on a port of its own. None is assumed to run. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Redis as Client } from "ioredis";
import { freePort } from "./free-port.ts";
import { serverFolder, writeServerFile } from "./postgres/folder.ts";
import { serverCertificate } from "./postgres/tls.ts";
import { pathOf, serverUser } from "./postgres/programs.ts";

export interface RedisOptions {
  /** Default false: all is gone after `kill` and `restart`. True: nothing that was answered is. */
  appendOnly?: boolean;
  /** Default: one that is free. */
  port?: number;
  /** The host name in a certificate that nobody else signed. With one the server takes TLS, too. */
  tls?: string;
  /** Lines of redis.conf, for example `["requirepass secret"]`. */
  settings?: string[];
}

export interface RedisServer {
  url: string;
  /** With TLS, on a port of its own, and the file of the certificate; empty without. */
  tlsUrl: string;
  certificate: string;
  port: number;
  /** Of the process that runs now. */
  pid(): number;
  /** Ends it as kill -9 does. */
  kill(): Promise<void>;
  /** Starts it, after `kill` if it runs. */
  restart(): Promise<void>;
  /** Removes all keys. */
  flush(): Promise<void>;
  /** The reply of one command, on a connection of its own. Texts come as strings. */
  ask(name: string, ...values: (string | number | Buffer)[]): Promise<unknown>;
  /** Many commands in one go. */
  askEach(commands: [name: string, ...values: string[]][]): Promise<void>;
  /** One command at another address. */
  askAt(url: string, name: string, ...values: (string | number | Buffer)[]): Promise<unknown>;
  /** What is published on a channel from now on. */
  listen(channel: string): Promise<string[]>;
  log(): Promise<string>;
  /** Ends it and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts an empty server; it answers when this resolves. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const [folder, port] = [await serverFolder(), options.port ?? (await freePort())];
  const tlsPort = options.tls === undefined ? 0 : await freePort();
  if (options.tls !== undefined) await serverCertificate(folder, options.tls);
  await writeServerFile(join(folder, "redis.conf"), configuration(folder, port, tlsPort, options));
  let child = spawnServer(folder);
  const password = options.settings?.map((line) => /^requirepass (.*)$/.exec(line)?.[1]).find(Boolean) ?? "";
  const url = `redis://${password === "" ? "" : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
  const log = () => readFile(join(folder, "log"), "utf8");
  const ask: RedisServer["ask"] = (name, ...values) => askOnce(url, name, values);
  const kill = () => killed(child);
  await answers(child, url, log);
  return {
    url,
    tlsUrl: tlsPort === 0 ? "" : `rediss://127.0.0.1:${tlsPort}`,
    certificate: tlsPort === 0 ? "" : join(folder, "server.crt"),
    port,
    pid: () => child.pid ?? 0,
    kill,
    async restart() {
      await kill();
      child = spawnServer(folder);
      await answers(child, url, log);
    },
    flush: async () => void (await ask("FLUSHALL")),
    ask,
    askEach: (commands) =>
      withClient(url, async (client) => void (await Promise.all(commands.map((command) => client.call(...command))))),
    askAt: (at, name, ...values) => askOnce(at, name, values),
    listen: (channel) => listenTo(url, channel),
    log,
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

const configuration = (folder: string, port: number, tlsPort: number, options: RedisOptions): string =>
  [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${folder}`,
    `pidfile ${join(folder, "redis.pid")}`,
    `logfile ${join(folder, "log")}`,
    // The keeper knows its servers by the folder in their arguments.
    "set-proc-title no",
    'save ""',
    ...(tlsPort === 0 ? [] : tlsLines(folder, tlsPort)),
    ...(options.appendOnly === true ? ["appendonly yes", "appendfsync always"] : []),
    ...(options.settings ?? []),
    "",
  ].join("\n");

const tlsLines = (folder: string, port: number): string[] => [
  `tls-port ${port}`,
  `tls-cert-file ${join(folder, "server.crt")}`,
  `tls-key-file ${join(folder, "server.key")}`,
  `tls-ca-cert-file ${join(folder, "server.crt")}`,
  "tls-auth-clients no",
];

function spawnServer(folder: string): ChildProcess {
  // A session of its own: Ctrl-C in a terminal is for the tests.
  const surroundings = { cwd: folder, stdio: "ignore" as const, detached: true, ...serverUser() };
  const child = spawn(pathOf("redis-server"), [join(folder, "redis.conf")], surroundings);
  child.unref();
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function answers(child: ChildProcess, url: string, log: () => Promise<string>): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended: ${await log().catch(() => "it wrote no log")}`);
    if (await askOnce(url, "PING", []).catch(() => null)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function listenTo(url: string, channel: string): Promise<string[]> {
  const heard: string[] = [];
  const client = new Client(url, { retryStrategy: null, protocol: 2 });
  client.on("error", () => undefined);
  client.on("message", (_, text) => heard.push(text));
  await client.subscribe(channel);
  return heard;
}

const askOnce = (url: string, name: string, values: (string | number | Buffer)[]): Promise<unknown> =>
  withClient(url, (client) => client.call(name, ...values));

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url, { lazyConnect: true, retryStrategy: null, enableReadyCheck: false, protocol: 2 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}
