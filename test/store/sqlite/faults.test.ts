/** What disks and other programs do to a job file: each fault is said as what it is. */
import { copyFile, open as openFile, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { StoppedError, UserError } from "../../../src/errors.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { openImage } from "../../../src/store/sqlite/image.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { explain, isUnwritable } from "../../../src/store/sqlite/trouble.ts";
import { addresses } from "../../support/campaign.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { workFolder } from "../../support/run.ts";
import { ingest, turn } from "../../support/store-actions.ts";

/** As SQLite or Node throw it. */
const fault = (code: string) => Object.assign(new Error("of the library"), { code });
const sqlite = (code: string) => new Database.SqliteError("of the library", code);

describe("an error is one line that says what it is", () => {
  it.each(
    (
      [
        [sqlite("SQLITE_FULL"), /no space left/],
        [fault("ENOSPC"), /no space left/],
        [fault("EDQUOT"), /no space left/],
        [sqlite("SQLITE_IOERR_WRITE"), /refuses to be written to/],
        [sqlite("SQLITE_IOERR_FSYNC"), /refuses to be written to/],
        [sqlite("SQLITE_IOERR_READ"), /the disk of .* fails/],
        [sqlite("SQLITE_IOERR_SHORT_READ"), /the disk of .* fails/],
        [sqlite("SQLITE_IOERR_LOCK"), /cannot be locked/],
        [fault("ENOLCK"), /cannot be locked/],
        [sqlite("SQLITE_BUSY_SNAPSHOT"), /locked by another process/],
        [sqlite("SQLITE_PROTOCOL"), /locked by another process/],
        [sqlite("SQLITE_READONLY_DBMOVED"), /cannot be written/],
        [sqlite("SQLITE_CANTOPEN_ISDIR"), /cannot be written/],
        [fault("EROFS"), /cannot be written/],
        [sqlite("SQLITE_CORRUPT_VTAB"), /is damaged/],
        [sqlite("SQLITE_NOTADB"), /expects a job file/],
        [sqlite("SQLITE_NOLFS"), /no file of this size/],
        [sqlite("SQLITE_NOMEM"), /not enough memory/],
        ...["EIO", "EFBIG", "EMFILE", "ENFILE", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENOENT", "ESTALE"].map(
          (code): [Error & { code: string }, RegExp] => [fault(code), new RegExp(`cannot be used: .+ \\(${code}\\)`)],
        ),
      ] as [Error & { code: string }, RegExp][]
    ).map(([error, words]) => ({ code: error.code, error, words })),
  )("$code", ({ error, words }) => {
    const told = explain(error, "/folder/job.db") as Error;
    expect(told).toBeInstanceOf(StoppedError);
    expect(told.message).toMatch(words);
    expect(told.message).toContain("/folder/job.db");
    expect(told.message).not.toContain("nothing is lost");
  });

  it("what a person can mend by naming another file is a mistake only while the file is opened", () => {
    for (const code of ["SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_READONLY", "SQLITE_CANTOPEN"]) {
      expect(explain(sqlite(code), "job.db", "open")).toBeInstanceOf(UserError);
      expect(explain(sqlite(code), "job.db")).toBeInstanceOf(StoppedError);
    }
    expect(explain(sqlite("SQLITE_FULL"), "job.db", "open")).toBeInstanceOf(StoppedError);
  });

  it("a bug stays a bug, also one of our SQL", () => {
    for (const error of [new TypeError("x"), sqlite("SQLITE_CONSTRAINT_CHECK"), sqlite("SQLITE_ERROR"), fault("ERR_X")])
      expect(explain(error, "job.db")).toBe(error);
  });

  it("only what keeps us from writing is worth a copy in memory", () => {
    for (const code of ["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN"])
      expect(isUnwritable(sqlite(code), "/folder/job.db")).toBe(true);
    for (const code of ["SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_BUSY"])
      expect(isUnwritable(sqlite(code), "/folder/job.db")).toBe(false);
  });
});

it("a page that is overwritten is damage, whatever is asked, also by statements outside of transactions", async () => {
  const folder = await workFolder();
  const path = join(folder, "job.db");
  const store = await openStore(path, new ManualClock());
  await ingest(store, addresses(3_000));
  await store.close();
  const pages = (await stat(path)).size / 4_096;
  const found: unknown[] = [];
  for (const page of [1, pages * 0.2, pages * 0.4, pages * 0.5, pages * 0.6, pages * 0.8, pages - 1].map(Math.floor)) {
    const copy = join(folder, `damaged-${page}.db`);
    await copyFile(path, copy);
    const file = await openFile(copy, "r+");
    await file.write(Buffer.alloc(4_096, 0xa5), 0, 4_096, page * 4_096);
    await file.close();
    const work = async () => {
      const damaged = await openStore(copy, new ManualClock());
      try {
        for await (const _ of damaged.messages("june", null));
        await ingest(damaged, addresses(3_000));
        await damaged.cancel("june");
        await damaged.retry("june", ["cancelled"]);
      } finally {
        await damaged.close();
      }
    };
    await work().catch((error: unknown) => found.push(error));
  }
  // Some pages are of indexes that nobody asked.
  expect(found.length).toBeGreaterThanOrEqual(3);
  for (const error of found) {
    expect(error instanceof StoppedError || error instanceof UserError).toBe(true);
    expect((error as Error).message).toMatch(/is damaged/);
  }
});

describe("a copy in memory", () => {
  /** A job file whose log holds what the file does not, as a killed process leaves it. */
  const withLog = async () => {
    const folder = await workFolder();
    const path = join(folder, "job.db");
    const store = await openStore(path, new ManualClock());
    onTestFinished(() => store.close());
    await ingest(store, addresses(500));
    await turn(store, 3);
    const copy = join(folder, "copy.db");
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, `${copy}-wal`);
    return { copy, folder };
  };
  const count = (db: InstanceType<typeof Database>) =>
    db.prepare("select count(*) as all_of_them, sum(state = 'sending') as sending from message").get();

  it("has what is in the log, and writes nothing", async () => {
    const { copy, folder } = await withLog();
    const before = [await readFile(copy), await readFile(`${copy}-wal`), await readdir(folder)];
    const db = openImage(copy);
    expect(count(db)).toEqual({ all_of_them: 500, sending: 3 });
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    db.close();
    expect([await readFile(copy), await readFile(`${copy}-wal`), await readdir(folder)]).toEqual(before);
  });

  it("says the same as SQLite of a log that was cut anywhere, or has a wrong byte", async () => {
    const { copy } = await withLog();
    const whole = await readFile(`${copy}-wal`);
    const frame = 24 + 4_096;
    const frames = (whole.length - 32) / frame;
    for (const cut of [0, 20, 32, 32 + frame - 1, 32 + Math.floor(frames / 2) * frame + 100, whole.length - 1]) {
      await rm(`${copy}-shm`, { force: true });
      const file = await openFile(`${copy}-wal`, "w");
      await file.write(whole);
      await file.close();
      if (cut % 2 === 0) await truncate(`${copy}-wal`, cut);
      else {
        const spoilt = await openFile(`${copy}-wal`, "r+");
        await spoilt.write(Buffer.from([0x5a, 0xa5]), 0, 2, cut - 1);
        await spoilt.close();
      }
      const image = openImage(copy);
      const pages = image.serialize();
      image.close();
      // SQLite may copy the log into the file, so it gets files of its own.
      await copyFile(copy, `${copy}.sqlite`);
      await copyFile(`${copy}-wal`, `${copy}.sqlite-wal`);
      const real = new Database(`${copy}.sqlite`);
      real.pragma("journal_mode");
      const expected = real.serialize();
      real.close();
      for (const name of ["", "-wal", "-shm"]) await rm(`${copy}.sqlite${name}`, { force: true });
      expected.fill(1, 18, 20);
      pages.fill(1, 18, 20);
      expect(pages.equals(expected)).toBe(true);
    }
  });

  it("is no job file when the file is none", async () => {
    const folder = await workFolder();
    const path = join(folder, "notes.db");
    const file = await openFile(path, "w");
    await file.write("notes ".repeat(2_000));
    await file.close();
    const db = openImage(path);
    expect(() => db.pragma("application_id")).toThrow(/not a database/);
    db.close();
  });
});
