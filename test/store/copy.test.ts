/** A whole job from a job file to a server and back, and from one schema to another: the same job in every place. */
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { PAGE_ROWS, TABLES } from "../../src/store/archive.ts";
import { openStore as openFile } from "../../src/store/sqlite/store.ts";
import { openStore as openDatabase } from "../../src/store/postgres/store.ts";
import type { Store } from "../../src/store/store.ts";
import { systemClock } from "../../src/time/clock.ts";
import { delivery } from "../feedback/events.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { run, workFolder } from "../support/run.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "../support/shared-postgres.ts";
import { ingest, messagesOf, sent, settle, turn } from "../support/store-actions.ts";
import { fillJob } from "../support/whole-job.ts";
import { content } from "./bench.ts";
import { eventOf } from "./contract/mail-events.ts";
import { everything, expectSound, expectSoundBreakdown } from "./sound.ts";
import { inspect, rows } from "./sqlite/bench.ts";

interface Server {
  url: string;
  schema: string;
  env: Record<string, string>;
  open(toRead?: boolean): Promise<Store>;
}

async function server(): Promise<Server> {
  const { url } = await sharedServer();
  const schema = newSchema();
  onTestFinished(() => dropSchema(schema));
  const open = (toRead = false) => openDatabase(url, systemClock, { schema, toRead });
  return { url, schema, env: { SES_MAIL_DB_SCHEMA: schema }, open };
}

async function filled(): Promise<{ folder: string; path: string; clock: ManualClock }> {
  const folder = await workFolder();
  const path = join(folder, "old.db");
  const clock = new ManualClock();
  const store = await openFile(path, clock);
  await fillJob(store, clock);
  await store.close();
  return { folder, path, clock };
}

const contents = (path: string): Record<string, unknown[]> =>
  Object.fromEntries(
    TABLES.map(({ name, key }) => [name, rows(path, `select * from ${name} order by ${key.join(", ")}`)]),
  );

/** All that can be asked, and who the job is. */
async function told(opening: Promise<Store>): Promise<unknown> {
  const store = await opening;
  try {
    const { jobId } = store;
    const uuids = [...(await store.knownUuids(["u-1", "u-2", "u-3"]))].toSorted();
    const repeat = { caller: "ci", key: "k-1", fingerprint: "f" };
    return { jobId, uuids, earlier: await store.earlier(repeat), all: await everything(store) };
  } finally {
    await store.close();
  }
}

describe("a job file to a server and back", () => {
  it("is the same in every place", { timeout: 90_000 }, async () => {
    const { folder, path, clock } = await filled();
    const { url, schema, env, open } = await server();
    const [before, all] = [contents(path), await told(openFile(path, systemClock, { toRead: true }))];

    const there = await run(folder, ["copy", "old.db", url, "--json"], { env });
    expect(there.code, `it says ${there.stderr}`).toBe(0);
    expect(there.json.tables).toEqual(
      Object.fromEntries(Object.entries(before).map(([name, found]) => [name, found.length])),
    );
    expect(await told(open())).toEqual(all);
    // By a clock that stands still: it asks twice when the next mail is due.
    const sound = await openDatabase(url, clock, { schema, time: "clock" });
    await expectSound(sound, clock);
    await expectSoundBreakdown(sound);
    await sound.close();

    const back = await run(folder, ["copy", url, "new.db", "--json"], { env });
    expect(back.code, `it says ${back.stderr}`).toBe(0);
    expect(contents(join(folder, "new.db"))).toEqual(before);
    expect(await told(openFile(join(folder, "new.db"), systemClock))).toEqual(all);
    await expect(open()).rejects.toMatchObject({ name: "UserError", message: expect.stringContaining("new.db") });
    expect(await told(open(true))).toEqual(all);
  });

  it("goes on there with ids behind those of the file, and events and answers find their messages", async () => {
    const { folder, path } = await filled();
    inspect(path, (db) => db.exec("update job set ids_after = 5000000"));
    const { url, env, open } = await server();
    const flight = await run(folder, ["copy", "old.db", url, "--json"], { env });
    expect(flight.code, `it says ${flight.stderr}`).toBe(0);
    const store = await open();
    await ingest(store, ["x@x.example", "y@x.example"], { topic: "new one" });
    const [x] = await store.messagesTo("x@x.example", 1);
    expect(x?.id).toBeGreaterThan(5_000_000);
    const again = { topic: "later", content: content("Later") };
    expect(await ingest(store, ["c@x.example"], again)).toMatchObject({ added: 0, duplicates: 1 });
    const scope = { topic: "new one", endpoint: "ses" as const, maxLateMs: null };
    const { claims } = await turn(store, 5, { scope });
    await settle(store, ...claims.map((claim) => sent(claim)));
    expect(new Set((await messagesOf(store, "new one")).map(({ state }) => state))).toEqual(new Set(["sent"]));
    await store.addKey({ name: "new", digest: Buffer.alloc(32, 7), scopes: ["send"] });
    await store.rotateSigningKey();
    await store.close();
  });

  it("over many pages, with texts that a line or an array could break", { timeout: 90_000 }, async () => {
    const folder = await workFolder();
    const path = join(folder, "old.db");
    const store = await openFile(path, systemClock);
    const odd = ["\t", "\\N", "\\.", '"', "{,}", "NULL", "'", "\r\n", "한국어", "𝄞", "\u0001"];
    const people = Array.from({ length: 2 * PAGE_ROWS + 7 }, (_, at) => `p${at}@x.example`);
    const staging = await store.stage();
    await staging.add(
      people.map((email, at) => ({ email, fields: JSON.stringify([email, odd[at % odd.length]]), notBefore: 0 })),
    );
    const target = {
      topic: odd[8] ?? "",
      content: content(odd.join(" ")),
      file: "f",
      columns: ["email", "odd"],
      priority: 5,
    };
    await staging.commit({ ...target, notBefore: null, replaceContent: false });
    await staging.discard();
    await store.close();
    inspect(path, (db) => db.prepare("update message set error = ? || id where id % 3 = 0").run(odd.join("")));
    const before = contents(path);
    const { url, env } = await server();
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 0 });
    expect(await run(folder, ["copy", url, "new.db"], { env })).toMatchObject({ code: 0 });
    expect(contents(join(folder, "new.db"))).toEqual(before);
  });

  it("knows an event of a stranger again whose texts a server cannot keep, and gives it back", async () => {
    const { folder, path } = await filled();
    const odd = "550 \0\ud800 no";
    const events = [1, 2].map((id) => ({
      ...eventOf(delivery({ id, legacy: true })),
      sesMessageId: odd,
      key: `delivery ${id} ${odd}`,
    }));
    const store = await openFile(path, systemClock);
    expect(await store.applyEvents(events)).toMatchObject({ unmatched: 2 });
    await store.close();
    const { url, env, open } = await server();
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 0 });
    const there = await open();
    expect(await there.applyEvents(events)).toMatchObject({ duplicates: 2 });
    await there.close();
    expect(await run(folder, ["copy", url, "new.db"], { env })).toMatchObject({ code: 0 });
    const back = await openFile(join(folder, "new.db"), systemClock);
    expect(await back.applyEvents(events)).toMatchObject({ duplicates: 2 });
    await back.close();
  });
});

describe("what brokers brought", () => {
  const states = async (store: Store) => (await store.reports("redis", 9)).map(({ state }) => state);

  it("is told of there from the first change, although nobody has brought anything there yet; and back here", async () => {
    const { folder } = await filled();
    const { url, env, open } = await server();
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 0 });
    const there = await open();
    expect(await states(there)).toEqual(["cancelled"]);
    await there.retry("issue-1", ["cancelled"]);
    expect(await states(there)).toEqual(["pending", "cancelled"]);
    const [dead] = await there.deadLetters({ before: null, limit: 1 });
    await there.keepDead([{ source: "nats", origin: "new", reason: "", body: Buffer.alloc(1), extras: null }]);
    const [next] = await there.deadLetters({ before: null, limit: 1 });
    expect(next?.id).toBeGreaterThan(dead?.id ?? 0);
    await there.close();
    expect(await run(folder, ["copy", url, "new.db"], { env })).toMatchObject({ code: 0 });
    const back = await openFile(join(folder, "new.db"), systemClock);
    await back.retry("issue-3", ["cancelled"]);
    expect(await states(back)).toEqual(["pending", "pending"]);
    await back.close();
  });

  it("and is larger than a page comes over byte by byte", async () => {
    const folder = await workFolder();
    const store = await openFile(join(folder, "old.db"), systemClock);
    const letter = { source: "nats", reason: "too large", extras: null } as const;
    const bodies = [5_000_000, 3_000_000, 3_000_000, 1].map((size, at) => Buffer.alloc(size, at));
    await store.keepDead(bodies.map((body, at) => ({ ...letter, origin: `${at}`, body })));
    await store.close();
    const { url, env, open } = await server();
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 0 });
    const there = await open();
    const found = [];
    for (const { id } of (await there.deadLetters({ before: null, limit: 9 })).toReversed())
      found.push((await there.deadLetter(id))?.body);
    await there.close();
    expect(found.map((body, at) => bodies[at]?.equals(body ?? Buffer.alloc(0)))).toEqual([true, true, true, true]);
  });

  it("and was handed over goes along, because it is settled wherever the job is; what a process holds does not", async () => {
    const { folder, path } = await filled();
    const { url, env, open } = await server();
    const before = contents(path);
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 0, stderr: "" });
    const there = await open();
    expect(await there.totals("handed over")).toMatchObject({ sending: 1 });
    await there.close();
    expect(await run(folder, ["copy", url, "new.db"], { env })).toMatchObject({ code: 0 });
    expect(contents(join(folder, "new.db"))).toEqual(before);
    expect(before["handed"]).toHaveLength(1);
  });
});

describe("on a server", () => {
  it("where this user may make nothing is exit 2, and the file goes on", async () => {
    const { folder } = await filled();
    const { url, env } = await server();
    const guest = newSchema();
    await onServer(`create role ${guest} login password 'secret'`);
    onTestFinished(async () => void (await onServer(`drop role ${guest}`)));
    const there = Object.assign(new URL(url), { username: guest, password: "secret" }).href;
    expect(await run(folder, ["copy", "old.db", there], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("permission denied"),
    });
    expect(await run(folder, ["cancel", "june", "--db", "old.db"])).toMatchObject({ code: 0 });
  });

  it("has all indexes when it is done, and none of what the copy needed", async () => {
    const { folder } = await filled();
    const [made, { url, schema, env }] = [await server(), await server()];
    await (await made.open()).close();
    await run(folder, ["copy", "old.db", url], { env });
    const indexes = async (of: string) =>
      onServer("select replace(indexdef, $1, 'sm') as index from pg_indexes where schemaname = $1 order by indexname", [
        of,
      ]);
    expect(await indexes(schema)).toEqual(await indexes(made.schema));
  });

  it("a process that runs on the source writes nothing any more; answers of SES are written", async () => {
    const { url, schema, env, open } = await server();
    const folder = await workFolder();
    const working = await open();
    await ingest(working, ["a@x.example", "b@x.example"]);
    const { claims } = await turn(working, 1);
    const busy = await run(folder, ["copy", url, "new.db"], { env });
    expect(busy).toMatchObject({ code: 2, stderr: expect.stringContaining(`process ${process.pid} on `) });
    // As if the process had slept for longer than its lease.
    await onServer(`update "${schema}".handle set lease_until = 1 where lease_until is not null`);
    expect((await run(folder, ["copy", url, "new.db"], { env })).code).toBe(0);
    const stopped = { name: "StoppedError", message: expect.stringContaining("new.db") };
    await expect(turn(working, 1)).rejects.toMatchObject(stopped);
    await expect(ingest(working, ["z@x.example"])).rejects.toMatchObject(stopped);
    await expect(working.cancel("june")).rejects.toMatchObject(stopped);
    await expect(working.ping()).rejects.toMatchObject(stopped);
    await settle(working, ...claims.map((claim) => sent(claim)));
    expect(await working.totals("june")).toMatchObject({ sent: 1, pending: 1 });
    await working.close();
  });

  it("is taken back, unless it has gone on", async () => {
    const { folder, path } = await filled();
    const { url, env, open } = await server();
    await run(folder, ["copy", "old.db", url], { env });
    const working = await open();
    // Without the schema nobody can find the copy.
    expect(await run(folder, ["copy", "--undo", "old.db"])).toMatchObject({ code: 2 });
    expect((await run(folder, ["copy", "--undo", "old.db", url], { env })).code).toBe(0);
    await expect(ingest(working, ["z@x.example"], { topic: "z" })).rejects.toMatchObject({ name: "StoppedError" });
    await working.close();
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining("taken back") });
    await (await openFile(path, systemClock)).close();

    const other = await server();
    await run(folder, ["copy", "old.db", other.url], { env: other.env });
    const store = await other.open();
    await ingest(store, ["new@x.example"], { topic: "new one" });
    await store.close();
    const refused = await run(folder, ["copy", "--undo", "old.db", other.url, "--yes"], { env: other.env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("gone on in") });
    await (await other.open()).close();
  });

  it("that cannot be reached or used changes nothing", async () => {
    const { folder, path } = await filled();
    const { url } = await server();
    const wrong = new URL(url);
    wrong.pathname = "/no_such_database";
    expect(await run(folder, ["copy", "old.db", wrong.href])).toMatchObject({ code: 2 });
    const env = { SES_MAIL_DB_SCHEMA: "not a name" };
    expect(await run(folder, ["copy", "old.db", url], { env })).toMatchObject({ code: 2 });
    await (await openFile(path, systemClock)).close();
  });
});
