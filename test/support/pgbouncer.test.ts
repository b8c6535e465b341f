/** PgBouncer as tests start it pools connections as its mode says. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type PgBouncerOptions, startPgBouncer } from "./pgbouncer.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { requireServers } from "./servers.ts";

describe.skipIf(requireServers("postgres", "pgbouncer"))("PgBouncer in front of PostgreSQL", () => {
  let server: Postgres;
  beforeAll(async () => void (server = await startPostgres()));
  afterAll(() => server.dispose());

  async function clients(count: number, options: PgBouncerOptions): Promise<pg.Client[]> {
    const bouncer = await startPgBouncer(server, options);
    const all = Array.from({ length: count }, () => new pg.Client({ connectionString: bouncer.url }));
    for (const client of all) client.on("error", () => undefined);
    onTestFinished(async () => {
      await Promise.all(all.map((client) => client.end()));
      await bouncer.dispose();
    });
    return all;
  }

  const backend = async (client: pg.Client) => (await client.query("select pg_backend_pid() as pid")).rows[0].pid;

  it("lets ten clients share three connections, a transaction each", async () => {
    const ten = await clients(10, {});
    await Promise.all(ten.map((client) => client.connect()));
    const pids = await Promise.all(
      ten.map(async (client) => {
        await client.query("begin");
        await client.query("select pg_sleep(0.05)");
        const pid = await backend(client);
        await client.query("commit");
        return pid;
      }),
    );
    expect(new Set(pids).size).toBe(3);
  });

  it("hands on in transaction mode what one client did to its session", async () => {
    const [one, two] = (await clients(2, { poolSize: 1 })) as [pg.Client, pg.Client];
    await one.connect();
    await two.connect();
    await one.query("set search_path = elsewhere");
    expect((await two.query("show search_path")).rows).toEqual([{ search_path: "elsewhere" }]);
  });

  it("gives a client in session mode a connection of its own until it leaves", async () => {
    const [one, two] = (await clients(2, { mode: "session", poolSize: 1 })) as [pg.Client, pg.Client];
    await one.connect();
    await one.query("set search_path = elsewhere");
    const before = await backend(one);
    const waits = two.connect().then(() => two.query("show search_path"));
    expect(await backend(one)).toBe(before);
    await one.end();
    expect((await waits).rows).toEqual([{ search_path: '"$user", public' }]);
  });
});
