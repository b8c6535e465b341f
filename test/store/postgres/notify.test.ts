/** What processes tell each other, on a server and through a pooler, and after the connection was lost. */
import pg from "pg";
import { beforeEach, describe, expect, it, type Mock, onTestFinished, vi } from "vitest";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { databaseProxy } from "../../support/database-proxy.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import { ingest } from "../../support/store-actions.ts";
import { counts } from "../bench.ts";
import { preparePooled, preparePostgres } from "./bench.ts";

const patient = { timeout: 20_000, interval: 20 };

let asked: Mock<pg.Client["query"]>;
beforeEach(() => {
  asked = vi.spyOn(pg.Client.prototype, "query");
  onTestFinished(() => asked.mockRestore());
});

/**
 * Resolves when so many stores listen: each has told itself something, and was answered. It is looked for here, because stores of
 * other tests listen on the same server.
 */
async function listens(count = 1): Promise<void> {
  const answered = () =>
    asked.mock.settledResults.filter(
      ({ type }, at) => type === "fulfilled" && JSON.stringify(asked.mock.calls[at]).includes("pg_notify($1, $2)"),
    );
  await expect.poll(() => answered().length, patient).toBeGreaterThanOrEqual(count);
}

function hearing(store: Store): { hear: Mock<() => void>; stop: () => void } {
  const hear = vi.fn<() => void>();
  const stop = store.onChange?.(hear);
  if (stop === undefined) throw new Error("it cannot hear");
  onTestFinished(stop);
  return { hear, stop };
}

describe.skipIf(requireServers("postgres"))("notifications on a server", { timeout: 60_000 }, () => {
  it("are heard by other processes when something is due at once, however often at most once a second", async () => {
    const bench = await preparePostgres();
    const [listener, teller] = [await bench.open(), await bench.open()];
    const { hear, stop } = hearing(listener);
    await listens();
    const began = performance.now();
    await ingest(teller, ["later@x.example"], { topic: "later", at: bench.clock.now() + 60_000 });
    await ingest(teller, ["a@x.example"]);
    await vi.waitFor(() => expect(hear).toHaveBeenCalled(), patient);
    const told = hear.mock.calls.length;
    let added = 0;
    const tell = async () => (await counts(teller, [`b${added++}@x.example`]), hear.mock.calls.length);
    await expect.poll(tell, patient).toBeGreaterThan(told);
    expect(hear.mock.calls.length).toBeLessThanOrEqual(1 + (performance.now() - began) / 1_000);
    stop();
    const before = hear.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await counts(teller, ["d@x.example"]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(hear.mock.calls.length).toBe(before);
  });

  it("are not those of another job on the same server", async () => {
    const [mine, theirs] = [await preparePostgres(), await preparePostgres()];
    const { hear } = hearing(await mine.open());
    const { hear: other } = hearing(await theirs.open());
    await listens(2);
    await ingest(await theirs.open(), ["a@x.example"]);
    await vi.waitFor(() => expect(other).toHaveBeenCalled(), patient);
    expect(hear).not.toHaveBeenCalled();
  });

  it("are listened for again after the connection was lost, and what was missed meanwhile is looked for once", async () => {
    const bench = await preparePostgres();
    const proxy = await databaseProxy((await sharedServer()).url);
    const listener = await openStore(proxy.url, bench.clock, { schema: bench.schema, time: "clock" });
    onTestFinished(async () => {
      await listener.close();
      await proxy.close();
    });
    const { hear } = hearing(listener);
    await listens();
    expect(hear).not.toHaveBeenCalled();
    await proxy.refuse();
    proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await proxy.accept();
    await vi.waitFor(() => expect(hear).toHaveBeenCalledTimes(1), patient);
    await ingest(await bench.open(), ["a@x.example"]);
    await vi.waitFor(() => expect(hear).toHaveBeenCalledTimes(2), patient);
  });
});

describe.skipIf(requireServers("postgres", "pgbouncer"))("notifications through PgBouncer", { timeout: 60_000 }, () => {
  it("are given up quietly, and nothing else suffers", async () => {
    const bench = await preparePooled();
    const [listener, teller] = [await bench.open(), await bench.open()];
    const { hear } = hearing(listener);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await counts(teller, ["a@x.example"])).toEqual([1, 0, 0]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(hear).not.toHaveBeenCalled();
  });

  it("are heard at the direct address that is named for it", async () => {
    const bench = await preparePooled();
    const listener = await openStore((await sharedServer("pgbouncer")).url, bench.clock, {
      schema: bench.schema,
      time: "clock",
      listen: (await sharedServer()).url,
    });
    onTestFinished(() => listener.close());
    const { hear } = hearing(listener);
    await listens();
    await counts(await bench.open(), ["a@x.example"]);
    await vi.waitFor(() => expect(hear).toHaveBeenCalled(), patient);
  });
});
