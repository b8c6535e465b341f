/** Requests to the gateway, in a job file: what they write, and what happens when it cannot be written. */
import { describe, expect, it, onTestFinished } from "vitest";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ingest } from "../../support/store-actions.ts";
import { accept, content, counts, message, request } from "../bench.ts";
import { expectSoundFile, inspect, prepareOnDisk, prepareSqlite, rows } from "./bench.ts";

const REPEAT = { caller: "ci", key: "k1", fingerprint: "f1" };

describe("a request that is refused", () => {
  it("leaves the file as it was, to the byte", async () => {
    const { open, path } = await prepareSqlite();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    const before = inspect(path, (db) => db.serialize());
    const result = await accept(store, [
      message(["b@x.example"], { topic: "july", content: content("new") }),
      message(["b@x.example"]),
    ]);
    expect(result).toMatchObject({ kind: "refused" });
    expect(inspect(path, (db) => db.serialize()).equals(before)).toBe(true);
  });
});

describe("a disk that is full", () => {
  it("in the middle of a batch stores nothing of it, and the next one is stored", async () => {
    const { open, path } = await prepareOnDisk();
    const store = await open();
    inspect(path, (db) =>
      db.exec(`create trigger full before insert on message when new.email = 'c@x.example'
               begin select raise(abort, 'full'); end`),
    );
    const batch = [
      request([message(["a@x.example"])], { repeat: REPEAT }),
      request([message(["b@x.example", "c@x.example"], { topic: "july", uuid: "u-1" })]),
    ];
    await expect(store.accept(batch)).rejects.toThrow("full");
    for (const table of ["topic", "content", "ingest", "message", "recipient", "answer", "accepted_uuid"])
      expect(rows(path, `select * from ${table}`), `in ${table}`).toEqual([]);
    inspect(path, (db) => db.exec("drop trigger full"));
    expect((await store.accept(batch)).map(({ kind }) => kind)).toEqual(["stored", "stored"]);
    expect(await store.totals(null)).toMatchObject({ total: 3, pending: 3 });
    expectSoundFile(path);
  });
});

describe("a job file that others hold", () => {
  /** Each look at the lock takes a second. */
  class SlowClock extends ManualClock {
    override async sleep(): Promise<void> {
      this.pass(1_000);
    }
  }

  it("makes nobody wait longer than some seconds; nothing is stored then, and all of it afterwards", async () => {
    const { path } = await prepareOnDisk();
    const store = await openStore(path, new SlowClock());
    onTestFinished(() => store.close());
    const other = new Database(path);
    onTestFinished(() => void other.close());
    other.exec("begin immediate");
    await expect(accept(store, [message(["a@x.example"])])).rejects.toMatchObject({
      name: "StoppedError",
      message: expect.stringContaining("locked by another process"),
    });
    other.exec("rollback");
    expect(await store.totals(null)).toMatchObject({ total: 0 });
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
  });
});

describe("an answer that version 0.1.0 kept as a text", () => {
  const TEXT =
    '{"total":6,"success":3,"errors":0,"duration_ms":12,"scheduled":false,"count":3,"elapsed":"11.5ms","duplicates":3,"suppressed":2}';
  const repeated = { kind: "repeated", counts: { added: 1, duplicates: 3, suppressed: 2 }, ids: null, memo: TEXT };

  async function olderFile() {
    const bench = await prepareSqlite();
    const store = await bench.open();
    await accept(store, [message(["a@x.example"])], { repeat: REPEAT });
    inspect(bench.path, (db) => db.prepare("update answer set body = ?").run(TEXT));
    return { ...bench, store };
  }

  it("has that text for a memo, to the letter, and its counts", async () => {
    const { store, open } = await olderFile();
    expect(await store.earlier(REPEAT)).toEqual(repeated);
    expect(await accept(store, [message(["a@x.example"])], { repeat: REPEAT, memo: "new" })).toEqual(repeated);
    expect(await (await open()).earlier(REPEAT)).toEqual(repeated);
  });

  it("has no ids, as one of a program has that kept none yet", async () => {
    const { store, path } = await olderFile();
    const counts = { added: 1, duplicates: 0, suppressed: 0 };
    inspect(path, (db) => db.prepare("update answer set body = ?").run(JSON.stringify({ counts, memo: "m" })));
    expect(await store.earlier(REPEAT)).toEqual({ kind: "repeated", counts, ids: null, memo: "m" });
  });

  it("is a conflict for another request, and forgotten like any other", async () => {
    const { store, clock } = await olderFile();
    expect(await store.earlier({ ...REPEAT, fingerprint: "f2" })).toEqual({ kind: "conflict" });
    clock.pass(1_000);
    await store.forgetAnswersOlderThan(1_000);
    expect(await store.earlier(REPEAT)).toEqual(repeated);
    await store.forgetAnswersOlderThan(999);
    expect(await store.earlier(REPEAT)).toBeNull();
  });
});

describe("the file holds", () => {
  it("each content once, and none of what was not stored", async () => {
    const { open, path } = await prepareSqlite();
    const store = await open();
    await counts(store, ["a@x.example"], { uuid: "u-1" });
    for (const code of ["1234", "5678"]) {
      expect(await counts(store, ["a@x.example"], { content: content(code) })).toEqual([1, 0, 0]);
      expect(await counts(store, ["A@x.example"], { content: content(code) })).toEqual([0, 1, 0]);
    }
    expect(await counts(store, ["b@x.example"], { content: content("other"), uuid: "u-1" })).toEqual([0, 1, 0]);
    expect(rows(path, "select count(*) as n from content")).toEqual([{ n: 3 }]);
  });

  it("one range of ids for a thousand requests to one topic, and no list ever shares it", async () => {
    const { open, path } = await prepareSqlite();
    const store = await open();
    for (let n = 0; n < 50; n++) await counts(await (n % 10 === 0 ? open() : store), [`p${n}@x.example`]);
    expect(rows(path, "select first_id, last_id from ingest")).toEqual([{ first_id: 1, last_id: 50 }]);
    await ingest(store, ["q@x.example"]);
    await counts(store, ["r@x.example"]);
    await counts(store, ["r@x.example"]);
    await counts(store, ["s@x.example"]);
    expect(rows(path, "select first_id, last_id from ingest")).toEqual([
      { first_id: 1, last_id: 50 },
      { first_id: 51, last_id: 51 },
      { first_id: 52, last_id: 53 },
    ]);
    expectSoundFile(path);
  });

  it("a request when it is answered: a reader beside us has it at once", async () => {
    const { open, path } = await prepareOnDisk();
    await counts(await open(), ["a@x.example"]);
    const other = new Database(path, { readonly: true });
    expect(other.prepare("select count(*) from message").pluck().get()).toBe(1);
    other.close();
  });
});
