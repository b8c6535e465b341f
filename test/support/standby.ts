/** A primary and a standby that follows it by streaming. */
import { type DatabaseProxy, databaseProxy } from "./database-proxy.ts";
import { freePort } from "./free-port.ts";
import { serverFolder } from "./postgres/folder.ts";
import { runProgram } from "./postgres/programs.ts";
import { dataOf, type Postgres, type PostgresOptions, startInstalled, startPostgres } from "./postgres.ts";

export interface PairOptions extends PostgresOptions {
  /** A COMMIT is answered when the standby has written it, too. */
  synchronous: boolean;
}

/** A process of the standby: it receives what the primary wrote, or replays what was received. */
type StandbyProcess = "walreceiver" | "startup";

export interface Pair {
  primary: Postgres;
  standby: Postgres;
  /** Both, in one address, for whoever takes the one that can be written to. */
  url: string;
  /** Through which the standby hears from the primary. What is stalled here never arrives when the primary is gone. */
  link: DatabaseProxy;
  /** Resolves when the standby has replayed all that the primary has written. */
  caughtUp(): Promise<void>;
  /** SIGSTOP and SIGCONT for a process of the standby. */
  freeze(process: StandbyProcess): Promise<void>;
  thaw(): void;
  /** The primary is gone without a word, and the standby takes its place with what it has. */
  failOver(): Promise<void>;
  dispose(): Promise<void>;
}

const NAME = "standby";

/** Starts both; the standby streams when this resolves. */
export async function startPair({ synchronous, ...options }: PairOptions): Promise<Pair> {
  const primary = await startPostgres(options);
  const link = await databaseProxy(primary.adminUrl);
  const standby = await follow(link, options);
  await streaming(primary, "async");
  if (synchronous) {
    await primary.set({ synchronous_standby_names: NAME });
    await streaming(primary, "sync");
  }
  const frozen = new Set<number>();
  const thaw = () => {
    for (const pid of frozen) process.kill(pid, "SIGCONT");
    frozen.clear();
  };
  return {
    primary,
    standby,
    url: bothOf(primary, standby),
    link,
    caughtUp: () => caughtUp(primary, standby),
    async freeze(name) {
      const [{ pid }] = await standby.query("select pid from pg_stat_activity where backend_type = $1", [name]);
      process.kill(pid, "SIGSTOP");
      frozen.add(pid);
    },
    thaw,
    async failOver() {
      await primary.stop("immediate");
      // First the line, so that what was held back there is lost.
      await link.close();
      thaw();
      await standby.promote();
    },
    async dispose() {
      thaw();
      await link.close();
      await Promise.all([standby.dispose(), primary.dispose()]);
    },
  };
}

async function follow(link: DatabaseProxy, options: PostgresOptions): Promise<Postgres> {
  const [folder, port] = [await serverFolder(), await freePort()];
  const { port: linkPort, password, username } = new URL(link.url);
  const from = ["-h", "127.0.0.1", "-p", linkPort, "-U", username];
  // A slot, so that the primary keeps what a standby has missed, however long it was away.
  const how = ["-R", "-X", "stream", "-C", "-S", NAME, "-c", "fast", "--no-sync"];
  await runProgram("pg_basebackup", ["-D", dataOf(folder), ...from, ...how], folder, { PGPASSWORD: password });
  const settings = { ...options.settings, cluster_name: NAME };
  return startInstalled({ folder, port, password, options: { ...options, settings } });
}

async function streaming(primary: Postgres, state: "sync" | "async"): Promise<void> {
  await eventually(async () => {
    const rows = await primary.query(
      "select from pg_stat_replication where state = 'streaming' and application_name = $1 and sync_state = $2",
      [NAME, state],
    );
    return rows.length === 1;
  });
}

async function caughtUp(primary: Postgres, standby: Postgres): Promise<void> {
  const [{ lsn }] = await primary.query("select pg_current_wal_flush_lsn()::text as lsn");
  await eventually(async () => {
    const [{ done }] = await standby.query("select pg_last_wal_replay_lsn() >= $1::pg_lsn as done", [lsn]);
    return done;
  });
}

/** The test's own time limit ends it. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const bothOf = (primary: Postgres, standby: Postgres): string =>
  `${primary.url.replace(/:(\d+)\/mail$/, `:$1,127.0.0.1:${standby.port}/mail`)}?target_session_attrs=read-write`;
