/** A look for due messages, a checkpoint and sums cost the same however many topics there are and wait for later. */
import { expect, test } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { createBreakdown } from "../../../src/store/sqlite/breakdown.ts";
import { createDue } from "../../../src/store/sqlite/due.ts";
import { createPrune } from "../../../src/store/sqlite/prune.ts";
import { type Connection, Database } from "../../../src/store/sqlite/driver.ts";
import { EVERYTHING, sent, settle, turn } from "../../support/store-actions.ts";
import { accept, message } from "../bench.ts";
import { MANY, planOfMany } from "../many-finished.ts";
import { prepareSqlite, rows } from "./bench.ts";

/** The job file, with a count of how often a statement was carried out that `which` matches, and of how many were prepared. */
function counting(path: string, which = /^/): { db: Connection; count: () => number; prepared: () => number } {
  const real = new Database(path);
  let [count, prepared] = [0, 0];
  const prepare = (sql: string) => {
    prepared++;
    const statement = real.prepare(sql);
    if (!which.test(sql)) return statement;
    for (const name of ["get", "all", "run"] as const) {
      const carryOut = statement[name].bind(statement);
      statement[name] = ((...parameters: unknown[]) => (count++, carryOut(...parameters))) as never;
    }
    return statement;
  };
  const db = Object.assign(Object.create(real) as Connection, { prepare });
  return { db, count: () => count, prepared: () => prepared };
}

/** How many statements a look takes, with so many topics that wait, and what it finds. */
async function cost(later: number, ofOneTopic: number): Promise<[number, unknown][]> {
  const { open, clock, path } = await prepareSqlite();
  const store = await open();
  const at = clock.now() + 86_400_000;
  const timed = (topic: string, index: number) => message([`p${index}@x.example`], { topic, notBefore: at + index });
  for (let index = 0; index < later; index++) await accept(store, [timed(`later-${index}`, index)]);
  for (let index = 0; index < ofOneTopic; index++) await accept(store, [timed("one", later + index)]);
  for (let index = 0; index < later; index++) await accept(store, [timed("held", later + ofOneTopic + index)]);
  await accept(store, [message(["due@x.example"], { topic: "due" })]);
  const { db, count } = counting(path);
  const due = createDue(db);
  const scope: Scope = { ...EVERYTHING, held: new Set(["held"]) };
  const asked = (ask: () => unknown): [number, unknown] => {
    const before = count();
    const answer = ask();
    return [count() - before, answer];
  };
  const now = { wall: clock.now(), steady: clock.now() };
  const WHATEVER = { bulk: Infinity, alive: -1 };
  const LOOK = { limit: 14, cap: null, bulk: Infinity };
  const found = [
    asked(() => due.find(scope, now, LOOK).found.map(({ email }) => email)),
    asked(() => due.find({ ...scope, topic: "due" }, now, LOOK).found.length),
    asked(() => due.find({ ...scope, topic: "one" }, now, LOOK).found.length),
    asked(() => due.nextInMs(scope, now, WHATEVER)),
    asked(() => due.nextInMs({ ...scope, topic: "later-3" }, now, WHATEVER)),
    asked(() => due.nextInMs({ ...scope, topic: "held" }, now, WHATEVER)),
  ];
  db.close();
  return found;
}

test("a look takes as many statements with three hundred topics that wait as with ten", async () => {
  const few = await cost(10, 10);
  expect(await cost(300, 300)).toEqual(few);
  expect(few.map(([, answer]) => answer)).toEqual([["due@x.example"], 1, 0, 0, 86_400_003, null]);
});

test("hundreds of topics that may not be sent and are due are passed over with few statements", async () => {
  const { open, clock, path } = await prepareSqlite();
  const store = await open();
  const names = Array.from({ length: 400 }, (_, index) => `held-${index}`);
  const at = clock.now();
  // Each a bit later, so that the one that may be sent comes last.
  for (const [index, topic] of names.entries())
    await accept(store, [
      message([`p${index}@x.example`, `q${index}@x.example`], { topic, notBefore: at + index + 1 }),
    ]);
  await accept(store, [message(["due@x.example"], { topic: "due", notBefore: at + 1_000 })]);
  const { db, count } = counting(path, /from message\b/);
  const scope: Scope = { ...EVERYTHING, held: new Set(names) };
  const now = { wall: at + 2_000, steady: at + 2_000 };
  const { found } = createDue(db).find(scope, now, { limit: 14, cap: null, bulk: Infinity });
  expect(found.map(({ email }) => email)).toEqual(["due@x.example"]);
  expect(count()).toBeLessThan(20);
  db.close();
});

test("what a prune would remove of three hundred topics takes as many prepared statements as of ten", async () => {
  const preparedFor = async (topics: number) => {
    const { open, clock, path } = await prepareSqlite();
    const store = await open();
    for (let index = 0; index < topics; index++)
      await accept(store, [message(["p@x.example"], { topic: `old-${index}`, past: { state: "cancelled" } })]);
    const { db, prepared } = counting(path);
    const { prunable } = createPrune({ db, clock: { now: () => clock.now() + 1_000 } } as never);
    const found = await prunable(1, { named: 0, signal: new AbortController().signal });
    expect([found.topics, found.messages]).toEqual([topics, topics]);
    db.close();
    return prepared();
  };
  expect(await preparedFor(300)).toBe(await preparedFor(10));
});

test("what a prune would remove of a thousand topics is all of them", async () => {
  const { open, clock } = await prepareSqlite();
  expect(await planOfMany(await open(), (ms) => clock.pass(ms))).toEqual(MANY);
});

test("a topic over time is read without the mail that all others sent meanwhile, and a long one by an index", async () => {
  const { open, clock, path } = await prepareSqlite();
  const store = await open();
  for (let index = 0; index < 40; index++) {
    await accept(store, [message([`p${index}@x.example`], { topic: index % 4 === 0 ? "welcome" : `other-${index}` })]);
    await settle(store, ...(await turn(store, 1)).claims.map((claim) => sent(claim)));
    clock.pass(7_000);
  }
  const asked = async (few: number | undefined) => {
    const { db, count } = counting(path, /indexed by message_sent/);
    const { breakdown } = createBreakdown({ db, clock, isImage: true }, few);
    const spans = await breakdown("welcome", new AbortController().signal, (lines) => lines.byTime(60_000));
    db.close();
    return { spans, looks: count() };
  };
  const [few, many] = [await asked(undefined), await asked(0)];
  expect(few.looks).toBe(0);
  expect(many.looks).toBeGreaterThan(0);
  expect(few.spans).toEqual(many.spans);
  expect(few.spans.reduce((sum, span) => sum + span.sent, 0)).toBe(10);
});

test("what is asked every second or two reads no table of topics, messages or suppressions from end to end", async () => {
  const { open, path } = await prepareSqlite();
  await open();
  for (const sql of [
    "select topics, suppressions, pending from tally",
    "select id from topic where pending > 0 and delivered + bounced_permanent >= 500 order by id",
    "select id from topic where id < 9 order by id desc limit 200",
    `select address from suppression where (created_at, address) < (9, '') order by created_at desc, address desc limit 50`,
  ]) {
    const plan = rows(path, `explain query plan ${sql}`).map((row) => (row as { detail: string }).detail);
    expect(plan.join("; ")).not.toMatch(
      /SCAN (?:topic|message|suppression)\b(?! USING INDEX topic_judged)|TEMP B-TREE/,
    );
  }
});
