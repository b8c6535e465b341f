/** The rows of handles: whose process is dead, who sleeps, and who leaves. */
import { spawnSync } from "node:child_process";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { databaseProxy } from "../../support/database-proxy.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import { EVERYTHING, ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { LEASE_OVER_MS, PEOPLE } from "../contract/people.ts";
import { type PostgresBench, preparePostgres, rows } from "./bench.ts";

const DAY = 86_400_000;

interface HandleRow {
  id: number;
  lost: boolean;
}

async function handles({ schema }: PostgresBench): Promise<HandleRow[]> {
  return (await rows(schema, "select id, lost_at is not null as lost from sm.handle order by id")) as HandleRow[];
}

/** A handle with messages in flight, and its row. */
async function holding(bench: PostgresBench): Promise<{ store: Store; id: number }> {
  const store = await bench.open();
  await ingest(store, PEOPLE);
  await turn(store, 2);
  const [row] = await handles(bench);
  return { store, id: row?.id ?? 0 };
}

/** The pid of a process that has ended. */
const endedPid = (): number => spawnSync(process.execPath, ["-e", ""]).pid;

describe.skipIf(requireServers("postgres"))("handles on a server", { timeout: 60_000 }, () => {
  it.each([
    ["has ended", () => ({ pid: endedPid(), origin: 1 })],
    ["has the pid of this one, and is another", () => ({ pid: process.pid, origin: 1 })],
  ])(
    "knows at once that a process on this machine %s: what it held is in doubt, and its row is gone",
    async (_, make) => {
      const bench = await preparePostgres();
      const { id } = await holding(bench);
      const other = await bench.open();
      expect(await other.recover()).toBe(0);
      const { pid, origin } = make();
      await rows(bench.schema, "update sm.handle set pid = $2, origin = $3 where id = $1", id, pid, origin);
      expect(await other.recover()).toBe(2);
      expect(await other.totals("june")).toMatchObject({ in_doubt: 2, sending: 0 });
      expect((await handles(bench)).map((row) => row.id)).not.toContain(id);
    },
  );

  it("leaves to its lease a process that another machine or container has, whatever its pid", async () => {
    const bench = await preparePostgres();
    const { id } = await holding(bench);
    const elsewhere = "update sm.handle set pid = $2, process_table = 'elsewhere' where id = $1";
    await rows(bench.schema, elsewhere, id, endedPid());
    const other = await bench.open();
    bench.clock.pass(LEASE_OVER_MS - 2_000);
    expect(await other.recover()).toBe(0);
    bench.clock.pass(2_000);
    expect(await other.recover()).toBe(2);
    expect(await handles(bench)).toContainEqual({ id, lost: true });
  });

  it("keeps the row of one that was taken for dead for weeks, so that it finds out, and goes on under another", async () => {
    const bench = await preparePostgres();
    const { store, id } = await holding(bench);
    const other = await bench.open();
    bench.clock.pass(20 * DAY);
    expect(await other.recover()).toBe(2);
    expect(await handles(bench)).toContainEqual({ id, lost: true });
    const { claims } = await turn(store, 1);
    expect(claims).toHaveLength(1);
    expect((await handles(bench)).filter(({ lost }) => !lost).length).toBeGreaterThan(1);
    await settle(store, ...claims.map((claim) => sent(claim)));
    await store.close();
    await rows(bench.schema, "update sm.handle set process_table = 'elsewhere' where id = $1", id);
    bench.clock.pass(31 * DAY);
    expect(await other.recover()).toBe(0);
    expect((await handles(bench)).map((row) => row.id)).not.toContain(id);
  });

  it("says once a day that it is there, so that nobody forgets one that has nothing to write", async () => {
    const bench = await preparePostgres();
    const [store, other] = [await bench.open(), await bench.open()];
    await ingest(store, PEOPLE);
    await rows(bench.schema, "update sm.handle set process_table = 'elsewhere'");
    for (let day = 0; day < 200; day += 2) {
      bench.clock.pass(2 * DAY);
      await store.recover();
    }
    expect(await other.recover()).toBe(0);
    expect(await handles(bench)).toHaveLength(1);
    await ingest(store, ["more@x.example"]);
    bench.clock.pass(91 * DAY);
    await other.recover();
    expect(await handles(bench)).toHaveLength(1);
    await other.close();
    expect(await handles(bench)).toEqual([]);
  });

  it("leaves nothing behind that holds nothing, and its row when it does", async () => {
    const bench = await preparePostgres();
    const [idle, busy] = [await bench.open(), await bench.open()];
    await ingest(idle, PEOPLE);
    await turn(busy, 1);
    await idle.close();
    await busy.close();
    expect(await handles(bench)).toEqual([{ id: 2, lost: false }]);
  });

  it.each(["stall", "refuse"] as const)(
    "does not wait long to leave when the server does not answer: %s",
    async (how) => {
      const bench = await preparePostgres();
      const proxy = await databaseProxy((await sharedServer()).url);
      const store = await openStore(proxy.url, bench.clock, { schema: bench.schema, time: "clock" });
      onTestFinished(() => proxy.close());
      await ingest(store, PEOPLE);
      await turn(store, 1);
      if (how === "stall") proxy.stall();
      else {
        await proxy.refuse();
        proxy.cut();
      }
      await expect(store.close()).resolves.toBeUndefined();
      proxy.cut();
      bench.clock.pass(LEASE_OVER_MS);
      expect((await bench.open()).recovered).toBe(1);
    },
  );

  it("counts its turns, and the rate they ask for", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, PEOPLE);
    const claims = [];
    for (let at = 0; at < 3; at++) {
      claims.push(...(await store.turn(asking(7))).claims);
      bench.clock.pass(6_000);
    }
    expect(claims).toHaveLength(3);
    const columns = `select turns, per_second as "perSecond", lease_until - $1::bigint as "leaseMs" from sm.handle`;
    expect(await rows(bench.schema, columns, Math.round(bench.clock.monotonic()))).toEqual([
      { turns: 3, perSecond: 7, leaseMs: 54_000 },
    ]);
  });
});

function asking(perSecond: number) {
  return { settlements: [], room: 1, perSecond, withinMs: 0, scope: EVERYTHING, departed: [], throttledAgoMs: null };
}
