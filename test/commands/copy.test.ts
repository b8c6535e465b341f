/** `copy` as users type it: a job moves to another place, and nothing is sent from the old one any more. */
import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TABLES } from "../../src/store/archive.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { systemClock } from "../../src/time/clock.ts";
import { everything } from "../store/sound.ts";
import { expectSoundFile, inspect, rows } from "../store/sqlite/bench.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { run, workFolder } from "../support/run.ts";
import { ingest, turn } from "../support/store-actions.ts";
import { fillJob } from "../support/whole-job.ts";

const SEND = ["send", "--sandbox", "--rate", "1000", "--yes"];

async function wholeJob(): Promise<{ folder: string; path: string }> {
  const folder = await workFolder();
  const path = join(folder, "old.db");
  const clock = new ManualClock();
  const store = await openStore(path, clock);
  await fillJob(store, clock);
  await store.close();
  return { folder, path };
}

/** Three people in topic june, of which nothing was sent. */
async function smallJob(): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email\na@x.example\nb@x.example\nc@x.example\n");
  await writeFile(join(folder, "june.html"), "---\nsubject: June\nfrom: news@example.com\n---\n<p>Hello</p>\n");
  expect(await run(folder, ["import", "june.csv", "--db", "old.db"])).toMatchObject({ code: 0 });
  return folder;
}

const contents = (path: string): Record<string, unknown[]> =>
  Object.fromEntries(
    TABLES.map(({ name, key }) => [name, rows(path, `select * from ${name} order by ${key.join(", ")}`)]),
  );

async function answers(path: string): Promise<unknown> {
  const store = await openStore(path, systemClock, { toRead: true });
  const all = await everything(store);
  const secrets = inspect(path, (db) => db.prepare("select * from signing_key").all());
  await store.close();
  return { all, secrets, jobId: store.jobId };
}

describe("from one job file to another", () => {
  it("takes everything along", async () => {
    const { folder, path } = await wholeJob();
    const [before, told] = [contents(path), await answers(path)];
    for (const { name } of TABLES) expect(before[name]?.length, `rows of ${name}`).toBeGreaterThan(0);
    const { code, json } = await run(folder, ["copy", "old.db", "new.db", "--json"]);
    const to = join(folder, "new.db");
    const tables = Object.fromEntries(Object.entries(before).map(([name, found]) => [name, found.length]));
    expect(code).toBe(0);
    expect(json).toEqual({
      from: path,
      to,
      messages: tables["message"],
      events: tables["event"],
      verified: true,
      tables,
      ms: expect.any(Number),
    });
    expect(contents(to)).toEqual(before);
    expect(contents(path)).toEqual(before);
    expect(await answers(to)).toEqual(told);
    expectSoundFile(to);
    const [tally] = rows(path, "select * from tally");
    expect(rows(to, "select * from tally")).toEqual([tally]);
  });

  it("goes on sending there, nobody twice, and can only be read here", async () => {
    const folder = await smallJob();
    await writeFile(join(folder, "late.csv"), "email\nd@x.example\n");
    expect(await run(folder, [...SEND, "--db", "old.db", "--max", "1"])).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", "old.db", "new.db"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`--db ${join(folder, "new.db")}`),
    });
    for (const refused of [
      SEND,
      ["import", "late.csv", "--content", "june.html", "--topic", "june"],
      ["cancel", "june"],
      ["suppress", "add", "a@x.example"],
      ["key", "add", "ci"],
    ])
      expect(await run(folder, [...refused, "--db", "old.db"]), `refused: ${refused.join(" ")}`).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/old\.db was copied to .*new\.db .* go on there: --db .*new\.db; .*--undo/),
      });
    const asked = await run(folder, ["stats", "june", "--db", "old.db", "--json"]);
    expect(asked).toMatchObject({ code: 0, stderr: expect.stringContaining("go on there") });
    expect(asked.json).toMatchObject({ sent: 1, pending: 2 });
    expect(await run(folder, ["export", "june", "--db", "old.db"])).toMatchObject({ code: 0 });
    expect(await run(folder, [...SEND, "--db", "new.db"])).toMatchObject({ code: 0 });
    const mails = await readdir(join(folder, "ses-mail-outbox", "june"));
    expect(mails.filter((name) => name.endsWith(".eml")).toSorted()).toEqual([
      "a@x.example.eml",
      "b@x.example.eml",
      "c@x.example.eml",
    ]);
  });

  it("once more is done already", async () => {
    const folder = await smallJob();
    await run(folder, ["copy", "old.db", "new.db"]);
    await run(folder, [...SEND, "--db", "new.db"]);
    const { code, json } = await run(folder, ["copy", "old.db", "new.db", "--json"]);
    expect([code, json]).toMatchObject([0, { finished_before: true }]);
    expect((await run(folder, ["stats", "june", "--db", "new.db", "--json"])).json).toMatchObject({ sent: 3 });
  });

  it("gives new messages ids of their own, also behind those that a backup left out", async () => {
    const folder = await smallJob();
    await run(folder, ["backup", "kept.db", "--db", "old.db"]);
    await run(folder, ["copy", "kept.db", "new.db"]);
    await writeFile(join(folder, "july.csv"), "email\nz@x.example\n");
    await run(folder, ["import", "july.csv", "--content", "june.html", "--db", "new.db"]);
    const [{ id }] = rows(join(folder, "new.db"), "select max(id) as id from message") as [{ id: number }];
    expect(id).toBeGreaterThan(1_000_000_000);
  });
});

describe("refused, and nothing is changed:", () => {
  it("what is not there, there already, or the same", async () => {
    const folder = await smallJob();
    await run(folder, ["import", "june.csv", "--db", "other.db"]);
    await writeFile(join(folder, "text.txt"), "no job file, but quite a long text of somebody who wants to keep it");
    await mkdir(join(folder, "folder"));
    for (const [args, words] of [
      [["none.db", "new.db"], "no job at"],
      [["old.db"], "expects two places"],
      [["old.db", "other.db"], "overwrites nothing"],
      [["old.db", "old.db"], "same job"],
      [["old.db", "text.txt"], "something else"],
      [["old.db", "folder"], "folder"],
      [["old.db", "none/new.db"], "no folder"],
      [["old.db", "mysql://x"], "mysql"],
      [["--undo", "old.db"], "was not copied"],
      [["--undo", "none.db"], "no job at"],
    ] as const)
      expect(await run(folder, ["copy", ...args]), `copy ${args.join(" ")}`).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(words),
      });
    expect(existsSync(join(folder, "none.db"))).toBe(false);
    expect(existsSync(join(folder, "new.db"))).toBe(false);
    expect(await run(folder, [...SEND, "--db", "old.db"])).toMatchObject({ code: 0 });
  });

  it("while a process is at work, which is named", async () => {
    const folder = await smallJob();
    const store = await openStore(join(folder, "old.db"), systemClock);
    const { claims } = await turn(store, 1);
    expect(claims).toHaveLength(1);
    expect(await run(folder, ["copy", "old.db", "new.db"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`process ${process.pid} on `),
    });
    expect(existsSync(join(folder, "new.db"))).toBe(false);
    await store.close();
  });
});

describe("a process that is running when the job moves", () => {
  it("writes nothing any more, and says where the job goes on", async () => {
    const folder = await smallJob();
    const store = await openStore(join(folder, "old.db"), systemClock);
    await run(folder, ["copy", "old.db", "new.db"]);
    const before = contents(join(folder, "old.db"));
    const stopped = { name: "StoppedError", message: expect.stringContaining("new.db"), hint: expect.any(String) };
    await expect(turn(store, 1)).rejects.toMatchObject(stopped);
    await expect(ingest(store, ["z@x.example"])).rejects.toMatchObject(stopped);
    await expect(store.cancel("june")).rejects.toMatchObject(stopped);
    await expect(store.suppress([{ address: "a@x.example", reason: "manual", source: "t" }])).rejects.toMatchObject(
      stopped,
    );
    await expect(store.ping()).rejects.toMatchObject(stopped);
    expect(await store.totals("june")).toMatchObject({ pending: 3 });
    expect(contents(join(folder, "old.db"))).toEqual(before);
    await store.close();
  });
});

describe("taken back", () => {
  it("the job goes on where it was, and the copy cannot be used", async () => {
    const folder = await smallJob();
    await run(folder, ["copy", "old.db", "new.db"]);
    const { code, json } = await run(folder, ["copy", "--undo", "old.db", "--json"]);
    const [from, to] = [join(folder, "old.db"), join(folder, "new.db")];
    expect([code, json]).toEqual([0, { from, to, undone: true, copy: "withdrawn" }]);
    for (const args of [["stats"], SEND])
      expect(await run(folder, [...args, "--db", "new.db"])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("taken back"),
      });
    expect(await run(folder, [...SEND, "--db", "old.db"])).toMatchObject({ code: 0 });
    // What is left of the first copy does not become a part of the next.
    expect(await run(folder, ["copy", "old.db", "new.db"])).toMatchObject({ code: 2 });
    expect(await run(folder, ["copy", "old.db", "third.db"])).toMatchObject({ code: 0 });
  });

  it("never, when mail was sent from the copy, or it has moved on", async () => {
    const folder = await smallJob();
    await run(folder, ["copy", "old.db", "new.db"]);
    await run(folder, [...SEND, "--db", "new.db", "--max", "1"]);
    const refused = { code: 2, stderr: expect.stringContaining("gone on in") };
    for (const more of [[], ["--yes"]])
      expect(await run(folder, ["copy", "--undo", "old.db", ...more])).toMatchObject(refused);
    expect(await run(folder, ["stats", "june", "--db", "new.db"])).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", "new.db", "third.db"])).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", "--undo", "old.db", "--yes"])).toMatchObject(refused);
    expect(await run(folder, [...SEND, "--db", "old.db"])).toMatchObject({ code: 2 });
  });

  it("a copy that is gone, and may have sent mail: only when somebody says so", async () => {
    const folder = await smallJob();
    await run(folder, ["copy", "old.db", "new.db"]);
    inspect(join(folder, "new.db"), (db) => db.exec("pragma application_id = 0"));
    const asked = { code: 2, stderr: expect.stringContaining("--yes") };
    expect(await run(folder, ["copy", "--undo", "old.db"])).toMatchObject(asked);
    expect(await run(folder, [...SEND, "--db", "old.db"])).toMatchObject({ code: 2 });
    expect(await run(folder, ["copy", "--undo", "old.db", "--yes"])).toMatchObject({ code: 0 });
    expect(await run(folder, [...SEND, "--db", "old.db"])).toMatchObject({ code: 0 });
  });
});
