// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** The recipients of pruned topics go when the messages are gone. Whatever happens in between, nobody is missed and nobody is left. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import { openArchive } from "../../../src/store/sqlite/archive.ts";
import { NO_WAITING } from "../../../src/store/sqlite/connection.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { sweepRecipients } from "../../../src/store/sqlite/recipient-sweep.ts";
import { createRemover } from "../../../src/store/sqlite/remover.ts";
import type { Store } from "../../../src/store/store.ts";
import { ingest, messagesOf, sent, settle, turn } from "../../support/store-actions.ts";
import { systemClock } from "../../../src/time/clock.ts";
import fc from "../../support/properties.ts";
import { expectSound } from "../sound.ts";
import { expectSoundFile, inspect, prepareSqlite, rows, type SqliteBench } from "./bench.ts";

const DAY_MS = 86_400_000;
const ANN = "ann@x.example";
/** More than the first part removes. Ann is the first of them. */
const PEOPLE = [ANN, ...Array.from({ length: 1_199 }, (_, n) => `p${n}@x.example`)];

const calm = () => new AbortController().signal;

/** Two topics that were sent two days ago, and an older one to which somebody was added just now. */
async function oldTopics({ open, clock }: SqliteBench): Promise<Store> {
  const store = await open();
  await ingest(store, [ANN], { topic: "young" });
  for (const topic of ["june", "july"]) await ingest(store, PEOPLE, { topic });
  await settle(store, ...(await turn(store, 5_000)).claims.map((claim) => sent(claim)));
  clock.pass(2 * DAY_MS);
  await ingest(store, ["bob@x.example"], { topic: "young" });
  await settle(store, ...(await turn(store, 5_000)).claims.map((claim) => sent(claim)));
  return store;
}

/** Prunes until at least so many messages are gone, and is interrupted then. */
async function pruneUntil(store: Store, least: number): Promise<void> {
  const stop = new AbortController();
  const onProgress = ({ messages }: { messages: number }) => void (messages >= least && stop.abort());
  await expect(store.prune(DAY_MS, { signal: stop.signal, onProgress })).rejects.toThrow(InterruptedError);
}

const recipients = ({ path }: SqliteBench, where = "true"): number =>
  rows(path, `select * from recipient where ${where}`).length;

it.each([1, PEOPLE.length, 2 * PEOPLE.length])("interrupted after %i messages it goes on", async (least) => {
  const bench = await prepareSqlite();
  const store = await oldTopics(bench);
  await pruneUntil(store, least);
  expect(recipients(bench)).toBe(2 * PEOPLE.length + 2);
  await expectSound(store, bench.clock);
  const left = (await messagesOf(store, "june")).length + (await messagesOf(store, "july")).length;
  expect(left).toBeLessThanOrEqual(2 * PEOPLE.length - least);
  expect(await (await bench.open()).prune(DAY_MS, { signal: calm() })).toMatchObject({ messages: left });
  expect(rows(bench.path, "select address from recipient order by 1")).toEqual([
    { address: ANN },
    { address: "bob@x.example" },
  ]);
  expect(rows(bench.path, "select * from leaving")).toEqual([]);
  expectSoundFile(bench.path);
});

it.each([1, PEOPLE.length, 2 * PEOPLE.length])(
  "after %i messages, what is left of a person is found, and forgotten",
  async (least) => {
    const bench = await prepareSqlite();
    const store = await oldTopics(bench);
    await pruneUntil(store, least);
    const found = await store.messagesTo(ANN, 9);
    const isLeft = least < 2 * PEOPLE.length;
    expect(found.map(({ topic }) => topic)).toEqual(isLeft ? ["july", "young"] : ["young"]);
    expect(await store.messagesTo(ANN, 1)).toEqual(found.slice(0, 1));
    expect(await store.forget(ANN, calm())).toMatchObject({ kind: "forgotten", messages: found.length });
    expect(recipients(bench, `address = '${ANN}'`)).toBe(0);
    await store.prune(DAY_MS, { signal: calm() });
    expect(recipients(bench)).toBe(1);
    expectSoundFile(bench.path);
  },
);

it("whoever is forgotten last in a topic that is pruned in part leaves the recipients of others to the next prune", async () => {
  const bench = await prepareSqlite();
  const store = await bench.open();
  await ingest(store, PEOPLE, { topic: "june" });
  await settle(store, ...(await turn(store, 5_000)).claims.map((claim) => sent(claim)));
  bench.clock.pass(2 * DAY_MS);
  await pruneUntil(store, 1);
  for (const { email } of await messagesOf(store, "june")) await store.forget(email, calm());
  expect(recipients(bench)).toBeGreaterThan(0);
  expect(await store.prune(DAY_MS, { signal: calm() })).toEqual({ topics: 0, messages: 0, events: 0 });
  expect(recipients(bench)).toBe(0);
});

it("two at once end with nothing left", async () => {
  const bench = await prepareSqlite();
  const store = await oldTopics(bench);
  const other = await bench.open();
  const [one, two] = await Promise.all([
    store.prune(DAY_MS, { signal: calm() }),
    other.prune(DAY_MS, { signal: calm() }),
  ]);
  expect(one.messages + two.messages).toBe(2 * PEOPLE.length);
  expect(recipients(bench)).toBe(2);
  expect(rows(bench.path, "select * from leaving")).toEqual([]);
  expectSoundFile(bench.path);
});

it("a job of which a topic is pruned in part is not copied until prune has ended", async () => {
  const bench = await prepareSqlite();
  const store = await oldTopics(bench);
  const moves = async () => {
    await store.close();
    const archive = openArchive(bench.path, systemClock, NO_WAITING);
    try {
      await archive.moveTo(join(bench.path, "elsewhere"), "copy");
    } finally {
      await archive.close();
    }
  };
  for (const least of [1, PEOPLE.length]) {
    await pruneUntil(await bench.open(), least);
    await expect(moves()).rejects.toThrow(/topic ju(ne|ly) of .* is pruned in part/);
  }
  await (await bench.open()).prune(DAY_MS, { signal: calm() });
  await moves();
  expect(rows(bench.path, "select moved_to from job")).toEqual([{ moved_to: join(bench.path, "elsewhere") }]);
});

it("removes some messages, with gaps between them or not, and all that is kept of them, and nothing of others", async () => {
  const { open, path } = await prepareSqlite();
  const all = Array.from({ length: 12 }, (_, n) => n + 1);
  await ingest(
    await open(),
    all.map((id) => `p${id}@x.example`),
    { topic: "june" },
  );
  const tables = ["message", "recipient", "event", "feedback", "reported", "report", "handed"];
  const column = (table: string) => (table === "message" ? "id" : "message_id");
  const some = fc.oneof(
    fc.subarray(all),
    fc.tuple(fc.nat(12), fc.nat(12)).map(([from, to]) => all.slice(from, to)),
  );
  inspect(path, (db) => {
    db.exec(`insert into event (message_id, key, type) select id, 1, 'delivery' from message;
      insert into feedback (message_id, ses_message_id) select id, '' from message;
      insert into reported (message_id, via, name) select id, 'nats', '' from message;
      insert into report (message_id, via, state) select id, 'nats', state from message;
      insert into handed (message_id, at, subject) select id, 0, 0 from message`);
    const remove = createRemover(db);
    fc.assert(
      fc.property(some, fc.boolean(), (ids, withRecipients) => {
        db.exec("begin");
        const count = ids.length;
        expect(remove(ids, { withRecipients, withUuids: false })).toEqual({ messages: count, events: count });
        const left = all.filter((id) => !ids.includes(id));
        for (const table of tables)
          expect(
            db
              .prepare(`select ${column(table)} from ${table} order by 1`)
              .pluck()
              .all(),
            table,
          ).toEqual(table === "recipient" && !withRecipients ? all : left);
        expect(db.prepare("select ifnull(sum(messages), 0) from removed").pluck().get()).toBe(count);
        db.exec("rollback");
      }),
    );
  });
});

it("a sweep removes the recipients of its topics, in parts of any size, and no others", async () => {
  const recipient = fc.record({
    address: fc.constantFrom("a", "b", "c", "d", "é", "\u{10fffe}"),
    topicId: fc.integer({ min: 1, max: 4 }),
    variant: fc.integer({ min: -2, max: 2 }),
  });
  const byKey = fc.uniqueArray(recipient, { selector: (each) => JSON.stringify(each), maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(byKey, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), async (all, sizes) => {
      const db = openRecipients(all);
      let parts = 0;
      await sweepRecipients(db, "topic_id in (2, 3)", async (work) => {
        work(sizes[parts++ % sizes.length] ?? 1);
        return "goes on";
      });
      const kept = db.prepare("select address, topic_id as topicId, variant from recipient").all();
      expect(new Set(kept.map((each) => JSON.stringify(each)))).toEqual(
        new Set(all.filter(({ topicId }) => topicId === 1 || topicId === 4).map((each) => JSON.stringify(each))),
      );
      db.close();
    }),
  );
});

it("a sweep looks through more recipients than one step has, and ends when it is told to", async () => {
  const many = Array.from({ length: 45_000 }, (_, n) => ({
    address: `p${n}`,
    topicId: n % 15_000 === 0 ? 2 : 1,
    variant: 0,
  }));
  const db = openRecipients(many);
  const states = ["goes on", "goes on", "ended"] as const;
  let parts = 0;
  await sweepRecipients(db, "topic_id = 2", async (work) => {
    work(1);
    return states[parts++] ?? "goes on";
  });
  expect(parts).toBe(3);
  expect(db.prepare("select count(*) from recipient where topic_id = 2").pluck().get()).toBe(0);
  expect(db.prepare("select count(*) from recipient").pluck().get()).toBe(44_997);
  db.close();
});

function openRecipients(all: readonly { address: string; topicId: number; variant: number }[]) {
  const db = new Database(":memory:");
  db.exec(
    "create table recipient (address text, topic_id integer, variant integer, primary key (address, topic_id, variant)) without rowid",
  );
  const insert = db.prepare("insert into recipient values (?, ?, ?)");
  db.transaction(() => {
    for (const { address, topicId, variant } of all) insert.run(address, topicId, variant);
  })();
  return db;
}
