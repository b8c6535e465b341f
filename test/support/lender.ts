/**
 * Lends the servers that all test files of one run share: a PostgreSQL server, and PgBouncer in front of it. vitest runs
 * this in its main process, before any test. A server is started when the first test asks for it.
 */
import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { serverFolder } from "./postgres/folder.ts";
import { startPgBouncer } from "./pgbouncer.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { whyNoServers } from "./servers.ts";
import type { Lent, LentName } from "./shared-postgres.ts";

interface Lender {
  socket: string;
  close(): Promise<void>;
}

/** vitest calls this for each of its projects, in module graphs of their own. */
const HERE = Symbol.for("ses-mail lender");
const shared = globalThis as unknown as Record<symbol, { lender: Promise<Lender>; users: number } | undefined>;

/** What vitest looks for in a file of `globalSetup`. Its result is called at the end of the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mine = (shared[HERE] ??= { lender: open(), users: 0 });
  mine.users++;
  project.provide("lender", (await mine.lender).socket);
  return async () => {
    if (--mine.users > 0) return;
    delete shared[HERE];
    await (await mine.lender).close();
  };
}

async function open(): Promise<Lender> {
  tellWhatIsMissing();
  const folder = await serverFolder();
  const socket = join(folder, "socket");
  const { lend, dispose } = servers();
  const server = await listen(socket, lend);
  return {
    socket,
    async close() {
      server.close();
      await dispose();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

function tellWhatIsMissing(): void {
  for (const name of ["postgres", "pgbouncer", "faketime"] as const) {
    const reason = whyNoServers([name]);
    if (reason !== null) console.log(`Tests that need ${name} are skipped: ${reason}`);
  }
}

/** Each connection asks for one server by its name, and gets one line of JSON. */
function listen(socket: string, lend: (name: LentName) => Promise<Lent>): Promise<Server> {
  const server = createServer((client) => {
    client.on("error", () => undefined);
    client.once("data", (data) => {
      const answer = lend(String(data).trim() as LentName).catch((error: unknown) => ({ failure: String(error) }));
      void answer.then((lent) => client.end(`${JSON.stringify(lent)}\n`));
    });
  });
  return new Promise((resolve) => {
    server.listen(socket, () => resolve(server));
  });
}

/** Starts each server once. */
function servers() {
  let postgres: Promise<Postgres> | null = null;
  let pgbouncer: ReturnType<typeof startPgBouncer> | null = null;
  // Some tests open many handles with a few connections each, in several test files at a time.
  const direct = () => (postgres ??= startPostgres({ settings: { max_connections: "400" } }));
  const pooled = () => (pgbouncer ??= direct().then((server) => startPgBouncer(server)));
  return {
    async lend(name: LentName): Promise<Lent> {
      const { url, adminUrl } = await (name === "pgbouncer" ? pooled() : direct());
      return { url, adminUrl };
    },
    async dispose(): Promise<void> {
      await (await pgbouncer?.catch(() => null))?.dispose();
      await (await postgres?.catch(() => null))?.dispose();
    },
  };
}
