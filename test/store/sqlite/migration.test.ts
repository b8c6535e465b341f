/** A job file of the version before the gateway goes on as if nothing had happened. */
import { Database } from "../../../src/store/sqlite/driver.ts";
import { expect, it } from "vitest";
import { APPLICATION_ID, MIGRATIONS } from "../../../src/store/sqlite/schema.ts";
import { CONTENT, EVERYTHING, ingest, sent, settle, states, turn } from "../../support/store-actions.ts";
import { content, counts } from "../bench.ts";
import { expectSoundFile, prepareOnDisk, rows } from "./bench.ts";
import { createHash } from "node:crypto";

/** As the release before wrote it: one topic, four recipients, one of them with capitals. */
function oldJobFile(path: string): void {
  const db = new Database(path);
  for (const migration of MIGRATIONS.slice(0, 2)) db.exec(migration);
  db.pragma("user_version = 2");
  db.pragma(`application_id = ${APPLICATION_ID}`);
  const body = JSON.stringify(CONTENT);
  db.prepare("insert into content values (1, ?, ?, 1)").run(createHash("sha256").update(body).digest("hex"), body);
  db.exec(`
    insert into topic (id, name, content_id, created_at, endpoint, pending, sent, failed, in_doubt, opened, first_sent_at, last_sent_at)
      values (1, 'june', 1, 1, 'ses', 1, 1, 1, 1, 1, 5, 5);
    insert into ingest values (1, 1, 'june.csv', '["email"]', 1, 4, 1);
    insert into message (id, topic_id, content_id, ingest_id, email, fields, state, attempts, ses_message_id, error, sent_at) values
      (1, 1, 1, 1, 'Zoe@x.example', '["Zoe@x.example"]', 'sent', 1, 'ses-1', null, 5),
      (2, 1, 1, 1, 'b@x.example', '["b@x.example"]', 'failed', 1, null, 'refused', null),
      (3, 1, 1, 1, 'a@x.example', '["a@x.example"]', 'in_doubt', 1, null, 'lost', null),
      (4, 1, 1, 1, 'c@x.example', '["c@x.example"]', 'pending', 0, null, null, null);
    insert into recipient values ('zoe@x.example', 1, 1), ('b@x.example', 1, 2), ('a@x.example', 1, 3), ('c@x.example', 1, 4);
    insert into feedback (message_id, ses_message_id, opened_at) values (1, 'ses-1', 6);
    insert into event (message_id, key, type, at) values (1, 42, 'open', 6);
    insert into suppression values ('d@x.example', 'bounce', 'event', null, 1);
  `);
  db.close();
}

it("keeps every message, recipient, event and counter, and dedupes as before", async () => {
  const { open, path } = await prepareOnDisk();
  oldJobFile(path);
  const before = rows(path, "select * from message");
  const [store] = [await open(), await open()];
  expect(rows(path, "select * from message")).toMatchObject(before);
  expect(rows(path, "select * from recipient")).toEqual([
    { address: "a@x.example", topic_id: 1, variant: 0, message_id: 3 },
    { address: "b@x.example", topic_id: 1, variant: 0, message_id: 2 },
    { address: "c@x.example", topic_id: 1, variant: 0, message_id: 4 },
    { address: "zoe@x.example", topic_id: 1, variant: 0, message_id: 1 },
  ]);
  expectSoundFile(path);
  expect(await ingest(store, ["ZOE@x.example", "c@x.example", "d@x.example", "e@x.example"])).toEqual({
    added: 1,
    duplicates: 2,
    suppressed: 1,
  });
  expect(await counts(store, ["zoe@x.example", "f@x.example"])).toEqual([1, 1, 0]);
  expect(await counts(store, ["zoe@x.example"], { content: content("code") })).toEqual([1, 0, 0]);
  expect((await store.failedMessages("june", 9)).map(({ email }) => email)).toEqual(["a@x.example", "b@x.example"]);
  expectSoundFile(path);
});

it("keeps what suppressions mean: an unsubscription is one from all bulk mail, every other one is for everything", async () => {
  const { open, path } = await prepareOnDisk();
  oldJobFile(path);
  const db = new Database(path);
  db.exec(`
    insert into suppression values ('asked@x.example', 'manual', 'manual', 'by phone', 2),
      ('left@x.example', 'unsubscribe', 'link', 'link in "may"', 3), ('ses@x.example', 'unsubscribe', 'event', null, 4),
      ('list@x.example', 'unsubscribe', 'import', null, 5), ('spam@x.example', 'complaint', 'event', 'abuse', 6);
  `);
  db.close();
  const store = await open();
  const kept = [];
  for await (const { address, list, createdAt } of store.suppressions()) kept.push([address, list, createdAt]);
  expect(kept).toEqual([
    ["asked@x.example", "", 2],
    ["d@x.example", "", 1],
    ["left@x.example", "/bulk", 3],
    ["list@x.example", "/bulk", 5],
    ["ses@x.example", "/bulk", 4],
    ["spam@x.example", "", 6],
  ]);
  expect(await store.countSuppressions()).toBe(6);
  const people = kept.map(([address]) => String(address));
  // An old content has neither list nor kind.
  expect(await ingest(store, people)).toMatchObject({ added: 0, suppressed: 6 });
  const code = { ...content("code"), kind: "transactional" } as const;
  expect(await ingest(store, people, { topic: "codes", content: code })).toMatchObject({ added: 3, suppressed: 3 });
  expect(await ingest(store, people, { topic: "news", content: { ...CONTENT, list: "weekly" } })).toMatchObject({
    added: 0,
    suppressed: 6,
  });
  // Who left through a link of an old mail may come back through it.
  const [left] = await store.messagesTo("left@x.example", 1);
  expect(await store.resubscribe(left?.id ?? 0)).toBe(true);
  expect(await store.suppressionsOf("left@x.example")).toEqual([]);
  expectSoundFile(path);
});

it("goes on sending, suppressing, capping and counting visits", async () => {
  const { open, path, clock } = await prepareOnDisk();
  oldJobFile(path);
  const store = await open();
  await store.applyVisits([
    { kind: "open", messageId: 1, at: 7, machine: false, link: null },
    { kind: "click", messageId: 3, at: 8, machine: false, link: "https://x.example/" },
  ]);
  expect(await store.topic("june")).toMatchObject({ opened: 1, clicked: 1, sent: 2, in_doubt: 0 });
  expect(rows(path, "select ses_message_id, opened_at, opens from feedback where message_id = 1")).toEqual([
    { ses_message_id: "ses-1", opened_at: 6, opens: 1 },
  ]);
  expect(rows(path, "select times from event where message_id = 1")).toEqual([{ times: 1 }]);
  const cap = { count: 1, windowMs: clock.now() };
  await counts(store, ["Zoe@x.example", "g@x.example"], { topic: "july" });
  const { claims } = await turn(store, 9, { scope: { ...EVERYTHING, recipientCap: cap } });
  expect(claims.map(({ email }) => email)).toEqual(["c@x.example", "g@x.example"]);
  await settle(store, ...claims.map((claim) => sent(claim)));
  await store.suppress([{ address: "ZOE@x.example", reason: "bounce", source: "test" }]);
  expect(await states(store, "july")).toEqual({ "Zoe@x.example": "suppressed", "g@x.example": "sent" });
  expectSoundFile(path);
});

it("of the version before brokers keeps dead letters, tells of messages and takes mail of other programs", async () => {
  const { open, path } = await prepareOnDisk();
  const db = new Database(path);
  for (const migration of MIGRATIONS.slice(0, 6)) db.exec(migration);
  db.pragma("user_version = 6");
  db.pragma(`application_id = ${APPLICATION_ID}`);
  const body = JSON.stringify(CONTENT);
  const hash = createHash("sha256").update(body).digest("hex");
  db.prepare("insert into content (id, hash, body, created_at) values (1, ?, ?, 1)").run(hash, body);
  db.exec(`
    insert into topic (id, name, content_id, created_at, pending) values (1, 'june', 1, 1, 1);
    insert into ingest values (1, 1, 'june.csv', '["email"]', 1, 1, 1);
    insert into message (id, topic_id, content_id, ingest_id, email, fields) values (1, 1, 1, 1, 'a@x.example', '["a@x.example"]');
    insert into recipient values ('a@x.example', 1, 0, 1);
  `);
  db.close();
  const store = await open();
  const letter = { source: "nats", origin: "messages#1", reason: "no", body: Buffer.from("x"), extras: null } as const;
  expect(await store.keepDead([letter])).toBe(1);
  expect(await counts(store, ["A@x.example", "b@x.example"], { reports: { via: "redis", name: "j" } })).toEqual([
    1, 1, 0,
  ]);
  const past = { state: "sent", sesMessageId: null, sentAt: 5 } as const;
  expect(await counts(store, ["c@x.example"], { past })).toEqual([1, 0, 0]);
  const { claims } = await turn(store, 9);
  await settle(store, ...claims.map((claim) => sent(claim)));
  expect(await states(store)).toEqual({ "a@x.example": "sent", "b@x.example": "sent", "c@x.example": "sent" });
  expect(await store.reports("redis", 9)).toMatchObject([{ name: "j", state: "sent" }]);
  expectSoundFile(path);
});
