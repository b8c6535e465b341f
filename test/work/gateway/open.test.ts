/** How a service opens its store when the server is away. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { AwayError, StoppedError } from "../../../src/errors.ts";
// Loaded now: it takes a while, and the clock of these tests does not wait for it.
import "../../../src/store/open.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Context } from "../../../src/work/context.ts";
import { openService } from "../../../src/work/gateway/open.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { workFolder } from "../../support/run.ts";

const AWAY = new AwayError("cannot reach the database postgres://mail@db/mail: connection refused");

async function setUp(openStore: () => Promise<Store>) {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const told: string[] = [];
  const db = join(await workFolder(), "none.db");
  const context = { io: { clock, env: {}, signal: abort.signal }, globals: { db }, openStore } as unknown as Context;
  const open = () => openService(context, { sandbox: true, timeout: "30s" }, { tell: (text) => void told.push(text) });
  return { clock, abort, told, open, db };
}

const store = { ping: async () => undefined } as unknown as Store;

it("waits for it, however long, and says so once", async () => {
  let isAway = true;
  const { clock, told, open, db } = await setUp(async () => {
    if (isAway) throw AWAY;
    return store;
  });
  const back = clock.sleep(3_600_000).then(() => (isAway = false));
  const [service] = await clock.play(Promise.all([open(), back]));
  expect(service).toEqual({ ses: null, store });
  expect(told).toEqual([`${AWAY.message}; waiting for the job file ${db}`]);
  expect(clock.monotonic()).toBeLessThan(3_610_000);
});

it("is ended by a signal", async () => {
  const { clock, abort, open } = await setUp(async () => {
    throw AWAY;
  });
  const end = clock.sleep(60_000).then(() => abort.abort("SIGTERM"));
  await expect(clock.play(Promise.all([open(), end]))).rejects.toThrow("interrupted");
});

it("does not wait for what a person has to mend", async () => {
  const full = new StoppedError("the disk is full");
  const { clock, told, open } = await setUp(async () => {
    throw full;
  });
  await expect(clock.play(open())).rejects.toBe(full);
  expect(told).toEqual([]);
});
