/** A look for due messages, a checkpoint and sums cost the same however many topics there are and wait for later. */
import { expect, test } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { createDue } from "../../../src/store/sqlite/due.ts";
import { type Connection, Database } from "../../../src/store/sqlite/driver.ts";
import { EVERYTHING } from "../../support/store-actions.ts";
import { accept, message } from "../bench.ts";
import { prepareSqlite, rows } from "./bench.ts";

/** The job file, with a count of how often a statement was carried out. */
function counting(path: string): { db: Connection; count: () => number } {
  const real = new Database(path);
  let count = 0;
  const prepare = (sql: string) => {
    const statement = real.prepare(sql);
    for (const name of ["get", "all", "run"] as const) {
      const carryOut = statement[name].bind(statement);
      statement[name] = ((...parameters: unknown[]) => (count++, carryOut(...parameters))) as never;
    }
    return statement;
  };
  const db = Object.assign(Object.create(real) as Connection, { prepare });
  return { db, count: () => count };
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
