/** The tables of rows that are being staged: each is noted with the process it belongs to, so that others can clear up after that. */
import { hostname } from "node:os";
import { pid } from "node:process";
import type pg from "pg";
import { isAlive, thisMachine } from "../../machine.ts";
import { briefly } from "./answers.ts";
import type { Job } from "./connection.ts";
import { qualified } from "./names.ts";
import { isAway } from "./trouble.ts";

/** A process on another machine is taken for dead when it has not said for this long that it lives. */
const DEAD_MS = 3_600_000;

/** The tables of lists that this process is staging. Another process with our number had others. */
const ours = new Set<string>();

const wall = (job: Job): number => job.time.now().wall;

/** Makes the table and says whose it is. Fine when an earlier attempt has done so. */
export async function makeTable(job: Job, client: pg.Client, name: string): Promise<void> {
  ours.add(name);
  const { text } = qualified(
    `create unlogged table if not exists sm.${name} (id bigint not null, address text collate "C" not null, email text,
       fields text not null, not_before bigint not null) with (autovacuum_enabled = off)`,
    job.schema,
  );
  await inTransaction(client, async () => {
    await client.query(text);
    await client.query(
      qualified(
        `insert into sm.staging (name, handle_token, host, pid, process_table, renewed_at)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
        job.schema,
      ).text,
      [name, job.handle.token(), hostname(), pid, thisMachine().processTable, wall(job)],
    );
  });
}

/** Says that the process of a table lives. */
export async function renewTable(job: Job, client: pg.Client, name: string): Promise<void> {
  const { text } = qualified("update sm.staging set renewed_at = $1 where name = $2", job.schema);
  await briefly(client, text, [wall(job), name]);
}

/** True when the server ends statements after a while that are not in a transaction of `inTransaction`. */
export async function limitsStatements(client: pg.Client): Promise<boolean> {
  const asked = "select current_setting('statement_timeout') <> '0' as limited";
  const [session] = await briefly<{ limited: boolean }>(client, asked);
  return session?.limited === true;
}

/** Runs `work` in a transaction of this connection, in which statements may take long. */
export async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await briefly(client, "begin; set local lock_timeout = '10s'; set local statement_timeout = 0");
  try {
    await work();
    await briefly(client, "commit");
  } catch (error) {
    await briefly(client, "rollback").catch(() => undefined);
    throw error;
  }
}

interface StagingRow {
  name: string;
  pid: number;
  process_table: string | null;
  renewed_at: number;
}

/** Drops the tables of lists whose processes are gone. */
export async function dropDead(job: Job, client: pg.Client): Promise<void> {
  const { text } = qualified("select name, pid, process_table, renewed_at from sm.staging", job.schema);
  for (const row of await briefly<StagingRow>(client, text)) {
    if (!isDead(job, row) || !/^staged_[0-9a-f]{16}$/.test(row.name)) continue;
    // Two processes may find it at once, and one of them is enough.
    await dropTable(job, client, row.name).catch((error: unknown) => {
      if (isAway(error)) throw error;
    });
  }
}

function isDead(job: Job, { name, pid: itsPid, process_table, renewed_at }: StagingRow): boolean {
  if (process_table !== null && process_table === thisMachine().processTable)
    return itsPid === pid ? !ours.has(name) : !isAlive(itsPid);
  return wall(job) - renewed_at > DEAD_MS;
}

/** Drops a table. Fine when it is gone. When that fails, the next list of any process may try again. */
export async function dropTable(job: Job, client: pg.Client, name: string): Promise<void> {
  ours.delete(name);
  const { text } = qualified(`drop table if exists sm.${name}`, job.schema);
  await inTransaction(client, async () => {
    await client.query(text);
    await client.query(qualified("delete from sm.staging where name = $1", job.schema).text, [name]);
  });
}
