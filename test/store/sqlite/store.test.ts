import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../../src/time/clock.ts";
import { UserError } from "../../../src/errors.ts";
import { keepLess, openConnection } from "../../../src/store/sqlite/connection.ts";
import { requireStore } from "../../../src/store/open.ts";
import { openScratchStore, openStore } from "../../../src/store/sqlite/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { until } from "../../support/run.ts";
import { foresee, ingest, sent, settle, turn } from "../../support/store-actions.ts";

async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe("what is no job file is refused and left as it is", () => {
  const refusal = (path: string) =>
    openStore(path, new ManualClock()).then(
      () => null,
      (error: unknown) => error,
    );

  it("a text file", async () => {
    const path = join(await workFolder(), "notes.txt");
    await writeFile(path, "email,name\n".repeat(500));
    expect(await refusal(path)).toMatchObject({
      name: "UserError",
      message: expect.stringContaining("expects a job file"),
    });
    expect((await stat(path)).size).toBe(5500);
  });

  it("a SQLite file of another program", async () => {
    const path = join(await workFolder(), "other.db");
    const other = new Database(path);
    other.exec("create table customer (id integer)");
    other.close();
    expect(await refusal(path)).toMatchObject({
      name: "UserError",
      message: expect.stringContaining("another program"),
    });
    const again = new Database(path);
    expect(again.prepare("select name from sqlite_schema").pluck().all()).toEqual(["customer"]);
    expect(again.pragma("journal_mode", { simple: true })).toBe("delete");
    again.close();
  });

  it("a job file of a newer version", async () => {
    const path = join(await workFolder(), "new.db");
    await (await openStore(path, new ManualClock())).close();
    const db = new Database(path);
    db.pragma("user_version = 99");
    db.close();
    expect(await refusal(path)).toMatchObject({ name: "UserError", message: expect.stringContaining("newer") });
  });

  it("a file in a folder that does not exist, and a folder", async () => {
    const folder = await workFolder();
    expect(await refusal(join(folder, "none", "x.db"))).toMatchObject({ hint: expect.stringContaining("mkdir") });
    await mkdir(join(folder, "dir.db"));
    expect(await refusal(join(folder, "dir.db"))).toBeInstanceOf(UserError);
  });

  it("a job file cut short", async () => {
    const path = join(await workFolder(), "cut.db");
    const store = await openStore(path, new ManualClock());
    await ingest(
      store,
      Array.from({ length: 500 }, (_, index) => `p${index}@x.example`),
    );
    await store.close();
    const { truncate } = await import("node:fs/promises");
    await truncate(path, 8192);
    const error = await refusal(path);
    expect(error).toMatchObject({ name: "UserError", message: expect.stringContaining("damaged") });
  });

  it.skipIf(process.getuid?.() === 0)("a file that may not be written (not as root, who may everything)", async () => {
    const path = join(await workFolder(), "ro.db");
    await (await openStore(path, new ManualClock())).close();
    await chmod(path, 0o400);
    expect(await refusal(path)).toMatchObject({
      name: "UserError",
      message: expect.stringContaining("cannot be written"),
    });
  });

  it("no file at all, for who only wants to look", async () => {
    const path = join(await workFolder(), "none.db");
    await expect(requireStore(path)).rejects.toThrow(UserError);
  });
});

describe("the file", () => {
  it("is made for its owner's eyes only", async () => {
    const path = join(await workFolder(), "job.db");
    const store = await openStore(path, new ManualClock());
    await ingest(store, ["a@x.example"]);
    for (const file of [path, `${path}-wal`]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("is committed with synchronous = FULL: a power cut may not forget a claim", async () => {
    const db = await openConnection(join(await workFolder(), "job.db"), systemClock);
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    db.close();
  });

  it("keeps half as many pages for who reads in order", async () => {
    const db = await openConnection(join(await workFolder(), "job.db"), systemClock);
    const usual = Number(db.pragma("cache_size", { simple: true }));
    keepLess(db);
    expect(db.pragma("cache_size", { simple: true })).toBe(usual / 2);
    db.close();
  });

  it("locked by another process: waits, says so, and goes on", async () => {
    const path = join(await workFolder(), "job.db");
    const waits: number[] = [];
    const clock: Clock = {
      ...systemClock,
      // Faster than life, so that the notice after five seconds is seen.
      monotonic: () => systemClock.monotonic() * 100,
    };
    const store = await openStore(path, clock, { onWait: (ms) => waits.push(ms) });
    await ingest(store, ["a@x.example"]);
    const other = new Database(path);
    other.exec("begin immediate");
    const waiting = turn(store, 1);
    await until(() => waits.length > 0, "the notice that the file is locked");
    other.exec("commit");
    other.close();
    expect((await waiting).claims).toHaveLength(1);
    await store.close();
  });

  it("locked by a process that was stopped and counts as dead: who opens the file says that it waits", async () => {
    const path = join(await workFolder(), "job.db");
    const clock = new ManualClock();
    const store = await openStore(path, clock);
    onTestFinished(() => store.close());
    await ingest(store, ["a@x.example"]);
    await turn(store, 1);
    clock.pass(61_000);
    // It looks only a few times in the time it waits, and gives others a turn.
    clock.sleep = async () => {
      clock.pass(3_000);
      await systemClock.sleep(1);
    };
    const stopped = new Database(path);
    stopped.exec("begin immediate");
    const waits: number[] = [];
    const next = await openStore(path, clock, {
      onWait(ms) {
        waits.push(ms);
        stopped.close();
      },
    });
    expect(waits).toHaveLength(1);
    expect(next.recovered).toBe(1);
    await next.close();
  });

  it("locked when a process leaves: it leaves all the same", async () => {
    const path = join(await workFolder(), "job.db");
    const clock = new ManualClock();
    const store = await openStore(path, clock);
    await ingest(store, ["a@x.example"]);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, sent(claim));
    const other = new Database(path);
    other.exec("begin immediate");
    await expect(store.close()).resolves.toBeUndefined();
    other.exec("rollback");
    other.close();
    clock.pass(61_000);
    const next = await openStore(path, clock);
    expect(next.recovered).toBe(0);
    await next.close();
  });

  it("full in the middle of a turn: nothing of the turn happened, the counts still add up", async () => {
    const path = join(await workFolder(), "job.db");
    const store = await openStore(path, new ManualClock());
    await ingest(store, ["a@x.example", "b@x.example", "c@x.example"]);
    const [first] = (await turn(store, 1)).claims;
    // As SQLite reports a full disk: in the middle of a statement, after others of the transaction went well.
    const other = new Database(path);
    other.exec(`create trigger full before update of state on message when new.email = 'c@x.example'
                begin select raise(abort, 'full'); end`);
    await expect(turn(store, 2, { settlements: [sent(first)] })).rejects.toThrow("full");
    other.exec("drop trigger full");
    other.close();
    expect(await store.totals("june")).toMatchObject({ total: 3, pending: 2, sending: 1, sent: 0 });
    await turn(store, 2, { settlements: [sent(first)] });
    expect(await store.totals("june")).toMatchObject({ total: 3, pending: 0, sending: 2, sent: 1 });
    await store.close();
  });
});

it("a scratch store keeps nothing and works like any other", async () => {
  const store = await openScratchStore(new ManualClock());
  expect(await foresee(store, ["a@x.example"])).toMatchObject({ added: 1 });
  expect(await store.topics()).toEqual([]);
  await store.close();
});
