/** Steps along the index find the same messages as one look at all of them. */
import { expect, it } from "vitest";
import { type Connection, createSchema } from "../../../src/store/sqlite/connection.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { createFailedMessages } from "../../../src/store/sqlite/failed-messages.ts";
import fc from "../../support/properties.ts";

const STATES = ["failed", "in_doubt", "sent", "pending"] as const;

/** A job with a message of each of these topics and states, in their order. */
function job(messages: { topic: number; state: (typeof STATES)[number] }[]): Connection {
  const db = new Database(":memory:");
  createSchema(db);
  // Lists and times are of no interest here.
  db.pragma("foreign_keys = off");
  db.pragma("ignore_check_constraints = on");
  db.exec("insert into content (id, hash, body, created_at) values (1, 'hash', '{}', 0)");
  for (const id of new Set(messages.map(({ topic }) => topic)))
    db.prepare("insert into topic (id, name, content_id, created_at) values (?, ?, 1, 0)").run(id, `topic ${id}`);
  const insert = db.prepare(
    "insert into message (id, topic_id, content_id, ingest_id, email, fields, state, attempts) values (?, ?, 1, 1, ?, '[]', ?, 1)",
  );
  messages.forEach(({ topic, state }, at) => insert.run(at + 1, topic, `p${at}@x.example`, state));
  return db;
}

it("whatever the topics are, and wherever a step ends", async () => {
  const messages = fc.array(fc.record({ topic: fc.integer({ min: 1, max: 6 }), state: fc.constantFrom(...STATES) }), {
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(
      messages,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 20 }),
      async (all, step, limit) => {
        const db = job(all);
        const find = createFailedMessages(db, step);
        const failed = all
          .map(({ topic, state }, at) => ({ id: at + 1, topic, state }))
          .filter(({ state }) => state === "failed" || state === "in_doubt")
          .reverse();
        expect((await find(null, limit)).map(({ id }) => id)).toEqual(failed.slice(0, limit).map(({ id }) => id));
        const ofOne = failed.filter(({ topic }) => topic === all[0]?.topic).slice(0, limit);
        const found = all.length === 0 ? [] : await find(`topic ${all[0]?.topic}`, limit);
        expect(found.map(({ id, state }) => ({ id, state }))).toEqual(ofOne.map(({ id, state }) => ({ id, state })));
        db.close();
      },
    ),
  );
});

it("in steps, between which others have their turn, and of a large topic only the newest are looked at", async () => {
  const topics = [1, 2, 3, 4].flatMap((topic) =>
    Array.from({ length: 30 }, () => ({ topic, state: "failed" as const })),
  );
  const db = job(topics);
  let turns = 0;
  const count = () => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  expect((await createFailedMessages(db, 10)(null, 3)).map(({ id }) => id)).toEqual([120, 119, 118]);
  clearImmediate(next);
  // Between the steps of four topics.
  expect(turns).toBe(3);
  db.close();
});
