// A PostgreSQL server of its own for a benchmark, with the settings of a server that must not lose anything.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PACKAGES = "/usr/lib/postgresql";

/** Starts a server, calls `work` with `{ url, pgbench }`, and removes the server. SES_MAIL_BENCH_DB names one that is there already. */
export async function withPostgres(work) {
  const given = process.env.SES_MAIL_BENCH_DB;
  if (given !== undefined) return work({ url: given, pgbench: (args) => run("pgbench", args, urlEnv(given)) });
  const folder = mkdtempSync(join(tmpdir(), "ses-mail-bench-pg-"));
  const port = await freePort();
  const asOwner = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  const tool = (name, args) => run(name, args, {}, asOwner);
  if (asOwner.length > 0) execFileSync("chown", ["postgres", folder]);
  tool("initdb", ["-D", `${folder}/data`, "-A", "trust", "-U", "mail", "-E", "UTF8", "--locale=C"]);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c max_connections=200 -c shared_buffers=512MB -c max_wal_size=4GB`;
  tool("pg_ctl", ["-D", `${folder}/data`, "-o", settings, "-l", `${folder}/log`, "-w", "start"]);
  try {
    const url = `postgres://mail@127.0.0.1:${port}/postgres`;
    return await work({ url, pgbench: (args) => run("pgbench", args, urlEnv(url)) });
  } finally {
    tool("pg_ctl", ["-D", `${folder}/data`, "-m", "immediate", "stop"]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function urlEnv(url) {
  const { hostname, port, username, password, pathname } = new URL(url);
  return { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password, PGDATABASE: pathname.slice(1) };
}

function run(name, args, env, before = []) {
  const [command, ...rest] = [...before, program(name), ...args];
  const done = spawnSync(command, rest, { encoding: "utf8", env: { ...process.env, ...env } });
  if (done.status !== 0) throw new Error(`${name} failed: ${done.stderr}${done.stdout}`);
  return done.stdout;
}

function program(name) {
  const versions = existsSync(PACKAGES)
    ? readdirSync(PACKAGES)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  const path = `${PACKAGES}/${versions[0]}/bin/${name}`;
  return existsSync(path) ? path : name;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
