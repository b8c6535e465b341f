/** What a test does beside the store: stops it at a certain point, and holds what others wait for. */
import pg from "pg";
import { expect, onTestFinished } from "vitest";
import { type Lock, lockKey } from "../../../src/store/postgres/locks.ts";
import { onServer, sharedServer } from "../../support/shared-postgres.ts";
import { type PostgresBench, rows } from "./bench.ts";

/** Resolves when somebody waits for this lock of a job. */
export async function untilWaitingFor({ schema }: PostgresBench, lock: Lock): Promise<void> {
  const waiting = `select 1 from pg_locks where locktype = 'advisory' and not granted
    and (classid::bigint << 32) | objid::bigint = $1::bigint`;
  await expect
    .poll(() => onServer(waiting, [lockKey(schema, lock)]), { timeout: 30_000, interval: 20 })
    .not.toEqual([]);
}

/** A connection of the test's own. */
export async function connection(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: (await sharedServer()).url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Holds the writer lock of a job, as another process does in the middle of a write. Returns what lets it go. */
export async function holdWriterLock({ schema }: PostgresBench): Promise<() => Promise<void>> {
  const client = await connection();
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock($1::bigint)", [lockKey(schema, "writer")]);
  return async () => void (await client.query("commit"));
}

/** Whoever is written to last in a list that is to stop half-way. */
export const LAST = "zz-last@x.example";

/**
 * From now on a transaction that adds a message to `LAST` stops there. `reached` resolves when one does; `go` lets it and all others
 * go on.
 */
export async function stopAtLast({
  schema,
}: PostgresBench): Promise<{ reached(): Promise<void>; go(): Promise<void> }> {
  const client = await connection();
  const gate = lockKey(schema, "topic the test's own gate");
  await client.query("select pg_advisory_lock($1::bigint)", [gate]);
  await client.query(
    `create function "${schema}".stop() returns trigger language plpgsql as $$
     begin
       while not pg_try_advisory_xact_lock_shared(${gate}) loop perform pg_sleep(0.01); end loop;
       return new;
     end $$;
     create trigger stop before insert on "${schema}".message for each row when (new.email = '${LAST}')
       execute function "${schema}".stop()`,
  );
  return {
    async reached() {
      await expect.poll(() => sleepers(schema), { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
    },
    go: async () => void (await client.query("select pg_advisory_unlock($1::bigint)", [gate])),
  };
}

async function sleepers(schema: string): Promise<number> {
  const found = await rows(
    schema,
    "select 1 from pg_stat_activity where wait_event = 'PgSleep' and query like '%' || $1 || '%'",
    `"${schema}".message`,
  );
  return found.length;
}
