/** A long list goes into a job file in parts. Whatever happens between two of them, all of it is there in the end, or nothing. */
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import { openArchive } from "../../../src/store/sqlite/archive.ts";
import { NO_WAITING } from "../../../src/store/sqlite/connection.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import type { ListCounts, ListTarget } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { commit, CONTENT, ingest, messagesOf, refusalOf, sent, settle, turn } from "../../support/store-actions.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { content, counts } from "../bench.ts";
import { expectSound } from "../sound.ts";
import { expectSoundFile, inspect, prepareSqlite, rows, type SqliteBench } from "./bench.ts";

/** More rows than one transaction puts in. */
const LONG = 25_000;
/** The lease of a process that puts a list in. */
const LEASE_MS = 60_000;

const people = Array.from({ length: LONG }, (_, n) => `p${(n * 7_919) % LONG}@x.example`);

const calm = () => new AbortController().signal;

type Stage = "recipient" | "message";

const filled = (path: string, table: Stage): number =>
  Number(inspect(path, (db) => db.prepare(`select count(*) from ${table}`).pluck().get()));

/** Puts the list into topic june, and calls `act` once, when some of the table is there and not all. */
async function during(
  store: Store,
  path: string,
  table: Stage,
  act: () => Promise<void> | void,
  target: Partial<ListTarget> = {},
): Promise<ListCounts> {
  const staging = await store.stage();
  let acted = false;
  try {
    await staging.add(people.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: 0 })));
    const adding = { isDone: false };
    const ended = commit(staging, target).finally(() => (adding.isDone = true));
    // Whoever waits below hears of it.
    ended.catch(() => undefined);
    while (!adding.isDone) {
      const there = acted ? 0 : filled(path, table);
      if (there > 0 && there < LONG) {
        acted = true;
        await act();
      }
      await setImmediate();
    }
    expect(acted).toBe(true);
    return await ended;
  } finally {
    await staging.discard();
  }
}

/** Nothing of a list is left in the file. */
function expectNothing(path: string): void {
  for (const table of ["recipient", "message", "ingest", "arriving", "topic", "removed"])
    expect([table, ...rows(path, `select * from ${table} limit 1`)]).toEqual([table]);
  expectSoundFile(path);
}

/** Leaves what a process leaves that is killed while the table is filled. */
async function leaveDead({ path, clock }: SqliteBench, table: Stage, isDropping = false): Promise<void> {
  const [signal, hardSignal] = [new AbortController(), new AbortController()];
  const store = await openStore(path, clock, { signal: signal.signal, hardSignal: hardSignal.signal });
  const added = during(store, path, table, () => (signal.abort(), hardSignal.abort()));
  await expect(added).rejects.toThrow(InterruptedError);
  await store.close();
  if (!isDropping) inspect(path, (db) => db.exec("update arriving set dropped = 0"));
  expect(filled(path, table)).toBeGreaterThan(0);
}

describe.each(["recipient", "message"] as const)("a list of which some of table %s is there", (table) => {
  it("is gone after a signal, and goes in when it comes again", async () => {
    const { path, clock } = await prepareSqlite();
    const stop = new AbortController();
    const store = await openStore(path, clock, { signal: stop.signal });
    await expect(during(store, path, table, () => stop.abort())).rejects.toThrow(InterruptedError);
    expectNothing(path);
    await store.close();
    const again = await openStore(path, clock);
    expect(await ingest(again, people)).toEqual({ added: LONG, duplicates: 0, suppressed: 0 });
    await expectSound(again, clock);
    await again.close();
  });

  it("is removed by the next who opens the file to work when its process was killed, and hurts nobody until then", async () => {
    const bench = await prepareSqlite();
    const { path, clock, open } = bench;
    await leaveDead(bench, table);
    const reader = await openStore(path, clock, { toRead: true });
    expect(await reader.topics()).toEqual([]);
    expect(await reader.totals(null)).toMatchObject({ total: 0 });
    await reader.close();
    // It may be at work just now.
    const early = await open();
    expect(filled(path, table)).toBeGreaterThan(0);
    expect(await early.nextDueInMs({ topic: null, endpoint: "ses", maxLateMs: null })).toBeNull();
    expect(await counts(early, ["p1@x.example", "q@x.example"])).toEqual([2, 0, 0]);
    expect((await turn(early, 9)).claims.map(({ email }) => email)).toEqual(["p1@x.example", "q@x.example"]);
    clock.pass(LEASE_MS + 1);
    const late = await open();
    expect(rows(path, "select * from arriving")).toEqual([]);
    expect(filled(path, "message")).toBe(2);
    expect(await ingest(late, people)).toEqual({ added: LONG - 1, duplicates: 1, suppressed: 0 });
    await expectSound(late, clock);
    expectSoundFile(path);
  });

  it("is removed to its end by the next opening when the process was killed while it removed it", async () => {
    const bench = await prepareSqlite();
    await leaveDead(bench, table, true);
    const store = await bench.open();
    expectNothing(bench.path);
    expect(await store.topics()).toEqual([]);
  });

  it("begins again when others took its process for dead, as they do after the machine slept", async () => {
    const { path, clock, open } = await prepareSqlite();
    const store = await open();
    const added = await during(store, path, table, async () => {
      clock.pass(LEASE_MS + 1);
      await open();
      // It may have begun again by now.
      expect(rows(path, "select topic from arriving where first_id = 1")).toEqual([]);
    });
    expect(added).toEqual({ added: LONG, duplicates: 0, suppressed: 0 });
    expect((await messagesOf(store, "june")).map(({ email }) => email)).toEqual(people);
    await expectSound(store, clock);
  });

  it("goes into the topic that a request has made meanwhile", async () => {
    const { path, clock, open } = await prepareSqlite();
    const [one, two] = [await open(), await open()];
    const added = await during(one, path, table, async () => {
      expect(await counts(two, ["p3@x.example", "new@x.example"])).toEqual([2, 0, 0]);
      await settle(two, ...(await turn(two, 9)).claims.map((claim) => sent(claim)));
    });
    expect(added).toEqual({ added: LONG - 1, duplicates: 1, suppressed: 0 });
    expect(await two.totals("june")).toMatchObject({ pending: LONG - 1, sent: 2 });
    await expectSound(one, clock);
    expectSoundFile(path);
  });

  it("is refused, and gone, when that topic has another content or is cancelled", async () => {
    for (const refusal of ["other-content", "cancelled"] as const) {
      const { path, clock, open } = await prepareSqlite();
      const [one, two] = [await open(), await open()];
      const taking = during(one, path, table, async () => {
        await counts(two, ["p3@x.example"], { content: refusal === "cancelled" ? CONTENT : content("code") });
        if (refusal === "cancelled") await two.cancel("june");
      });
      expect(await refusalOf(taking)).toBe(refusal);
      expect(filled(path, "message")).toBe(1);
      expect(await two.totals("june")).toMatchObject({ total: 1 });
      await expectSound(one, clock);
      expectSoundFile(path);
    }
  });

  it("keeps its content, whatever is pruned meanwhile", async () => {
    const { path, open } = await prepareSqlite();
    const [one, two] = [await open(), await open()];
    const added = await during(one, path, table, async () => {
      await two.prune(1, { signal: calm() });
    });
    expect(added).toMatchObject({ added: LONG });
    const [claim] = (await turn(two, 1)).claims;
    expect((await two.content(claim?.contentId ?? 0)).subject).toBe(CONTENT.subject);
  });

  it("comes in no copy of the file", async () => {
    const { path, clock, open } = await prepareSqlite();
    const [one, two] = [await open(), await open()];
    await counts(two, ["a@x.example"], { topic: "other" });
    const copied = join(path, "..", "copy.db");
    await during(one, path, table, async () => {
      expect(await two.backup(copied)).toMatchObject({ messages: 1 });
    });
    clock.pass(LEASE_MS + 1);
    const copy = await openStore(copied, clock);
    expect(filled(copied, "message")).toBe(1);
    expect(filled(copied, "recipient")).toBe(1);
    await expectSound(copy, clock);
    await copy.close();
    expectSoundFile(copied);
  });
});

it("does not leave for another place while a list goes in", async () => {
  const { path, clock, open } = await prepareSqlite();
  const store = await open();
  await during(store, path, "message", async () => {
    const archive = openArchive(path, clock, NO_WAITING);
    await expect(archive.moveTo("elsewhere", "1")).rejects.toThrow("a list is being put into topic june");
    await archive.close();
  });
});

it("a person whom it names is not forgotten while it goes in, as one to whom mail is waiting", async () => {
  const { path, open } = await prepareSqlite();
  const [one, two] = [await open(), await open()];
  const first = people[0] ?? "";
  await during(one, path, "message", async () => {
    expect(await two.forget(first, calm())).toEqual({
      kind: "waiting",
      topics: [{ topic: "june", pending: 1, sending: 0 }],
    });
  });
  expect(await one.totals("june")).toMatchObject({ pending: LONG });
});

it("a person whom it names is forgotten while there is no message to him yet, and none waits for him later", async () => {
  const { path, clock, open } = await prepareSqlite();
  const [one, two] = [await open(), await open()];
  await during(one, path, "recipient", async () => {
    expect(await two.forget(people.at(-1) ?? "", calm())).toMatchObject({ kind: "forgotten", messages: 0 });
  });
  expect(await one.totals("june")).toMatchObject({ pending: LONG - 1, suppressed: 1 });
  await expectSound(one, clock);
});

it("counts what has expired before all of it was there", async () => {
  const { path, clock, open } = await prepareSqlite();
  const [one, two] = [await open(), await open()];
  const expire = async () => {
    clock.pass(5_001);
    expect((await turn(two, 9)).claims).toEqual([]);
  };
  expect(await during(one, path, "message", expire, { expiresInMs: 5_000 })).toMatchObject({ added: LONG });
  const { cancelled = 0, pending = 0 } = (await one.topic("june")) ?? {};
  expect(cancelled).toBeGreaterThan(0);
  expect(cancelled + pending).toBe(LONG);
  expectSoundFile(path);
  while ((await one.expire("june")).more);
  expect(await one.totals("june")).toMatchObject({ cancelled: LONG, pending: 0 });
  await expectSound(one, clock);
});

it("goes as a whole into a new topic when the one that it was compared with has another name by then", async () => {
  const { path, clock, open } = await prepareSqlite();
  const store = await openStore(path, systemClock);
  await ingest(store, people);
  const other = new Database(path);
  other.exec("begin immediate");
  const adding = ingest(store, people);
  // By now it was compared, and waits for the file.
  await sleep(500);
  other.exec("update topic set name = 'june (rehearsal)' where name = 'june'");
  other.exec("commit");
  other.close();
  expect(await adding).toEqual({ added: LONG, duplicates: 0, suppressed: 0 });
  await store.close();
  await expectSound(await open(), clock);
  expectSoundFile(path);
});

it("gives its messages the ids that they would have otherwise, and what comes later has a higher one than any that was kept", async () => {
  const { path, open } = await prepareSqlite();
  const store = await open();
  await counts(store, ["a@x.example"], { topic: "other" });
  const list = [...people, ...people.slice(0, 50)];
  await ingest(store, list);
  expect(rows(path, "select min(id) as first, max(id) as last from message where topic_id = 2")).toEqual([
    { first: 2, last: LONG + 1 },
  ]);
  await counts(store, ["b@x.example"], { topic: "other" });
  expect(rows(path, "select max(id) as last from message")).toEqual([{ last: 1 + list.length + 1 }]);
  expect(rows(path, "select first_id, last_id from ingest where topic_id = 2")).toEqual([
    { first_id: 2, last_id: LONG + 1 },
  ]);
});

it("gives no id twice when requests come meanwhile", async () => {
  const { path, open } = await prepareSqlite();
  const [one, two] = [await open(), await open()];
  let made = "";
  await during(one, path, "message", async () => {
    await counts(two, ["a@x.example"], { topic: "other" });
    made = JSON.stringify(rows(path, "select id, topic_id from message where email = 'a@x.example'"));
  });
  expect(made).toBe(JSON.stringify([{ id: LONG + 1, topic_id: 2 }]));
  expect(await one.totals("june")).toMatchObject({ pending: LONG });
});
