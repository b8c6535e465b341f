/** A copy of a job file that others work on. */
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { expect, describe, it, onTestFinished } from "vitest";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { ingest, sent, settle, states, turn } from "../../support/store-actions.ts";
import { counts } from "../bench.ts";
import { expectSoundFile, inspect, prepareOnDisk } from "./bench.ts";

describe("nothing is written", () => {
  it("over a file that is there, whatever it is, nor where there is no folder", async () => {
    const { open, path } = await prepareOnDisk();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    const folder = dirname(path);
    await writeFile(join(folder, "there.db"), "mine");
    await mkdir(join(folder, "folder"));
    const before = (await readdir(folder)).toSorted();
    for (const target of [path, join(folder, "there.db"), join(folder, "folder"), join(folder, "none", "b.db")])
      await expect(store.backup(target), `over ${target}`).rejects.toMatchObject({ name: "UserError" });
    expect((await readdir(folder)).toSorted()).toEqual(before);
    expect((await stat(join(folder, "there.db"))).size).toBe(4);
    expect(await states(store)).toEqual({ "a@x.example": "pending" });
  });

  it("over a file that came while the copy was made", async () => {
    const { open, path } = await prepareOnDisk();
    const store = await open();
    const target = join(dirname(path), "copy.db");
    const copying = store.backup(target).catch((error: unknown) => error);
    await writeFile(target, "mine");
    expect(await copying).toMatchObject({ name: "UserError", message: expect.stringContaining("copy.db") });
    expect((await stat(target)).size).toBe(4);
    expect((await readdir(dirname(path))).filter((name) => name.includes("tmp"))).toEqual([]);
  });
});

it("leaves nothing behind when it is interrupted", async () => {
  const { open, path } = await prepareOnDisk();
  const store = await open();
  await ingest(store, ["a@x.example"]);
  const before = (await readdir(dirname(path))).toSorted();
  const interrupted = store.backup(join(dirname(path), "copy.db"), AbortSignal.abort("SIGINT"));
  await expect(interrupted).rejects.toMatchObject({ name: "InterruptedError" });
  expect((await readdir(dirname(path))).toSorted()).toEqual(before);
});

it("is whole, one file, its owner's, and a job file like the first", async () => {
  const { open, path, clock } = await prepareOnDisk();
  const store = await open();
  await ingest(store, ["a@x.example", "b@x.example"]);
  const [claim] = (await turn(store, 1)).claims;
  await settle(store, sent(claim));
  const target = join(dirname(path), "copy.db");
  const answer = await store.backup(target);
  const { size, mode } = await stat(target);
  expect(answer).toEqual({ bytes: size, messages: 2 });
  expect(mode & 0o777).toBe(0o600);
  expect((await readdir(dirname(path))).filter((name) => name.startsWith("copy") || name.includes("tmp"))).toEqual([
    "copy.db",
  ]);
  expect(inspect(target, (db) => db.pragma("journal_mode", { simple: true }))).toBe("delete");
  const copy = await openStore(target, clock);
  onTestFinished(() => copy.close());
  expect(copy.jobId).toBe(store.jobId);
  expect(await states(copy)).toEqual({ "a@x.example": "sent", "b@x.example": "pending" });
  expectSoundFile(target);
});

it("is of one instant, and comes to an end, while another process writes all the time", async () => {
  const { open, path } = await prepareOnDisk();
  const store = await open();
  await ingest(
    store,
    Array.from({ length: 60_000 }, (_, index) => `p${index}@x.example`),
  );
  const writer = await open();
  const target = join(dirname(path), "copy.db");
  // Both are loaded when they are first called, which must not be in the middle of the race.
  await counts(writer, ["first@x.example"], { topic: null });
  await expect(store.backup(path)).rejects.toThrow("exist");
  const over = new AbortController();
  const copying = store.backup(target).finally(() => over.abort());
  let writes = 0;
  for (; !over.signal.aborted; writes++) {
    await counts(writer, [`q${writes}@x.example`], { topic: null });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { messages } = await copying;
  expect(writes).toBeGreaterThan(3);
  expect(messages).toBeGreaterThanOrEqual(60_001);
  expect(messages).toBeLessThan(60_001 + writes);
  const total = inspect(target, (db) => db.prepare("select sum(pending) from topic").pluck().get());
  expect(total).toBe(messages);
  expect(await writer.totals(null)).toMatchObject({ total: 60_001 + writes });
});

describe("ping", () => {
  it("is content with a file others write to, and not with one that is gone", async () => {
    const { open, path } = await prepareOnDisk();
    const store = await open();
    await store.ping();
    const other = new Database(path);
    other.exec("begin immediate");
    await store.ping();
    other.close();
    await rename(path, `${path}.away`);
    await expect(store.ping()).rejects.toThrow("moved");
    await rename(`${path}.away`, path);
    await store.ping();
    await store.close();
    await expect(store.ping()).rejects.toThrow("not open");
  });

  it("is not content with a file that can be locked and not written, and writes once a second at most", async () => {
    const { open, path, clock } = await prepareOnDisk();
    const store = await open();
    const refuse = "create trigger refuse before update on job begin select raise(abort, 'read-only'); end";
    inspect(path, (db) => db.exec(refuse));
    await expect(store.ping()).rejects.toThrow("read-only");
    inspect(path, (db) => db.exec("drop trigger refuse"));
    await store.ping();
    inspect(path, (db) => db.exec(refuse));
    await store.ping();
    clock.pass(1_000);
    await expect(store.ping()).rejects.toThrow("read-only");
  });
});

it("goes on with ids of its own: links and events of mail sent after it are never taken for other people's", async () => {
  const { open, path, clock } = await prepareOnDisk();
  const store = await open();
  await ingest(store, ["a@x.example", "b@x.example"]);
  const target = join(dirname(path), "copy.db");
  await store.backup(target);
  // After the backup c gets id 3; in the copy nobody may.
  await ingest(store, ["c@x.example"], { topic: "july" });
  expect(await store.addressee(3)).toMatchObject({ email: "c@x.example" });

  const copy = await openStore(target, clock);
  onTestFinished(() => copy.close());
  await ingest(copy, ["d@x.example", "d@x.example"], { topic: "july" });
  await counts(copy, ["e@x.example"], { topic: "code" });
  await ingest(copy, ["f@x.example"], { topic: "july" });
  expect(await copy.addressee(3)).toBeNull();
  const { claims } = await turn(copy, 9);
  expect(claims.map(({ email }) => email).toSorted()).toEqual(
    ["a", "b", "d", "e", "f"].map((name) => `${name}@x.example`),
  );
  const added = claims.filter(({ email }) => !/^[ab]@/.test(email));
  expect(added.every(({ id }) => id > 1_000_000_000)).toBe(true);
  await settle(copy, ...claims.map((claim) => sent(claim)));
  expect(Object.keys(await states(copy)).length).toBeGreaterThan(0);
  expectSoundFile(target);

  // And a backup of the copy goes on behind it.
  const second = join(dirname(path), "second.db");
  await copy.backup(second);
  expect(inspect(second, (db) => db.prepare("select ids_after from job").pluck().get())).toBeGreaterThan(2_000_000_000);
});
