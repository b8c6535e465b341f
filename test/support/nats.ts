/** Real NATS servers with JetStream, each in a folder of its own and on a port of its own. None is assumed to run. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect as natsConnect } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";
import { freePort } from "./free-port.ts";
import { ownFolder, serverFolder, writeServerFile } from "./postgres/folder.ts";
import { serverUser } from "./postgres/programs.ts";
import { standStill } from "./stand-still.ts";
import { programIn } from "./programs.ts";

export interface NatsServerOptions {
  /** Where it keeps its messages. Default: a new folder that is gone when this process is. */
  dir?: string;
  port?: number;
  /** Lines of its configuration, such as `authorization { token: secret }`. */
  config?: string;
  /** Default true. */
  jetStream?: boolean;
  /** False: it is not started yet. */
  start?: boolean;
}

export interface NatsServer {
  /** Without a user or a password. */
  url: string;
  port: number;
  start(): Promise<void>;
  /** kill -9: nothing is flushed. */
  kill(): Promise<void>;
  /**
   * Kills it and starts it again. `empty`: all its messages, streams and consumers are gone. `anew`: its streams are empty and begin
   * anew, as after a crash, and its consumers are as they were. Others: in place of what it had.
   */
  restart(options?: { empty?: boolean; anew?: boolean; config?: string; jetStream?: boolean }): Promise<void>;
  /** Stands still, as a machine that is too busy does, until `go`. */
  freeze(): Promise<void>;
  go(): void;
  log(): Promise<string>;
  /** Ends it and removes its folder. Safe to call twice. It is called when the test ends. */
  stop(): Promise<void>;
}

/** What somebody else does on a server, on a connection of its own. */
export async function managing<T>(url: string, work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const nc = await natsConnect({ servers: url });
  try {
    return await work(await jetstreamManager(nc));
  } finally {
    await nc.close();
  }
}

/** Starts one for this test; it listens when this resolves. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await serverFolder();
  const port = options.port ?? (await freePort());
  const store = options.dir ?? (await ownFolder(join(folder, "data")));
  const configuration = join(folder, "nats.conf");
  let { config = "", jetStream = true } = options;
  const configure = () => {
    const streams = jetStream ? `jetstream { store_dir: ${JSON.stringify(store)} }\n` : "";
    return writeServerFile(configuration, `listen: 127.0.0.1:${port}\n${streams}${config}\n`);
  };
  await configure();
  let child: ChildProcess | null = null;
  const start = async () => {
    child = spawnServer(folder, configuration);
    await listening(child, port, folder);
  };
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    running.kill(signal);
    await once(running, "exit");
  };
  const server: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    port,
    start,
    kill: () => kill(),
    async restart({ empty = false, anew = false, ...changes } = {}) {
      // One that is asked to end writes down how far its consumers are.
      await kill(anew ? "SIGTERM" : "SIGKILL");
      ({ config = config, jetStream = jetStream } = changes);
      await configure();
      if (empty) await rm(join(store, "jetstream"), { recursive: true, force: true });
      if (anew) await removeMessages(join(store, "jetstream", "$G", "streams"));
      await start();
    },
    freeze: () => standStill(child?.pid),
    go: () => void child?.kill("SIGCONT"),
    log: () => readFile(join(folder, "log"), "utf8"),
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  onTestFinished(() => server.stop());
  if (options.start !== false) await start();
  return server;
}

async function removeMessages(streams: string): Promise<void> {
  for (const stream of await readdir(streams)) await rm(join(streams, stream, "msgs"), { recursive: true });
}

function spawnServer(folder: string, configuration: string): ChildProcess {
  const log = openSync(join(folder, "log"), "a", 0o600);
  const surroundings = { cwd: folder, stdio: ["ignore" as const, log, log], detached: true, ...serverUser() };
  const child = spawn(programIn("nats-server") ?? "nats-server", ["-c", configuration], surroundings);
  child.unref();
  return child;
}

async function listening(child: ChildProcess, port: number, folder: string): Promise<void> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`nats-server ended:\n${await readFile(join(folder, "log"), "utf8")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (accepted: boolean) => (socket.destroy(), resolve(accepted));
    socket.once("data", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
