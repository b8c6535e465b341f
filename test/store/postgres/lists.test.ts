/** Lists where PostgreSQL differs: others who write meanwhile, connections that are cut, tables that dead processes left. */
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import { InterruptedError, StoppedError } from "../../../src/errors.ts";
import { thisMachine } from "../../../src/machine.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { StagedRow } from "../../../src/store/rows.ts";
import type { Opened, Staging, Store } from "../../../src/store/store.ts";
import type { CommitFate, DatabaseProxy } from "../../support/database-proxy.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { startPostgres } from "../../support/postgres.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import {
  addList,
  commit,
  EVERYTHING,
  foresee,
  ingest,
  messagesOf,
  refusalOf,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { accept, content, counts, message } from "../bench.ts";
import { expectSound } from "../sound.ts";
import { behindProxy, type PostgresBench, preparePostgres, rows } from "./bench.ts";
import { connection, holdWriterLock, LAST, stopAtLast, untilWaitingFor } from "./beside.ts";

const row = (email: string, fields: string[] = [email]): StagedRow => ({
  email,
  fields: JSON.stringify(fields),
  notBefore: 0,
});

const people = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `p${from + index}@x.example`);

async function staged(store: Store, emails: readonly string[]): Promise<Staging> {
  const staging = await store.stage();
  onTestFinished(() => staging.discard());
  await staging.add(emails.map((email) => row(email)));
  return staging;
}

async function expectWhole(bench: PostgresBench): Promise<void> {
  await expectSound(await bench.open(), bench.clock);
  await bench.inspect();
}

/** The tables of lists that are in the schema. */
const tablesOf = async ({ schema }: PostgresBench): Promise<string[]> =>
  (
    (await rows(
      schema,
      "select tablename as name from pg_tables where schemaname = $1 and tablename like 'staged%'",
      schema,
    )) as {
      name: string;
    }[]
  ).map(({ name }) => name);

/** Rows whose text is more than one batch. */
const LONG = "x".repeat(2_000);
const long = (count: number): StagedRow[] => people(count).map((email) => row(email, [email, LONG]));

describe.skipIf(requireServers("postgres"))("on a server", () => {
  describe("while a list goes in", () => {
    others();
  });
  describe("lists at once", () => {
    atOnce();
  });
  describe("a connection that is cut", () => {
    cuts();
  });
  describe("staged rows", () => {
    stagedRows();
  });
});

function others(): void {
  it("nothing of it is seen, and others write, also into other topics", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    const stop = await stopAtLast(bench);
    const list = await staged(one, [...people(20), LAST]);
    const going = commit(list);
    await stop.reached();
    expect(await two.topics()).toEqual([]);
    expect(await counts(two, ["a@x.example", "p1@x.example"], { topic: "july" })).toEqual([2, 0, 0]);
    expect(await ingest(two, people(5), { topic: "august" })).toMatchObject({ added: 5 });
    expect((await turn(two, 10)).claims).toHaveLength(7);
    expect(await two.suppress([{ address: "s@x.example", reason: "manual", source: "test" }])).toBe(1);
    await stop.go();
    expect(await going).toEqual({ added: 21, duplicates: 0, suppressed: 0 });
    expect((await one.topics()).map(({ topic, total }) => [topic, total])).toEqual(
      expect.arrayContaining([
        ["june", 21],
        ["july", 2],
        ["august", 5],
      ]),
    );
    await expectWhole(bench);
  });

  it("a request into its topic waits for it, and holds up nothing else of its process", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, ["a@x.example", LAST]));
    await stop.reached();
    let isAccepted = false;
    const posted = counts(two, ["A@x.example", "b@x.example"]).finally(() => (isAccepted = true));
    await untilWaitingFor(bench, "topic june");
    await two.suppress([{ address: "s@x.example", reason: "manual", source: "test" }]);
    expect(isAccepted).toBe(false);
    await stop.go();
    expect(await going).toMatchObject({ added: 2 });
    expect(await posted).toEqual([1, 1, 0]);
    await expectWhole(bench);
  });

  it("its topic may be cancelled: then nothing of it is there", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    await ingest(one, people(3));
    const stop = await stopAtLast(bench);
    const list = await staged(one, [...people(20), LAST]);
    const going = refusalOf(commit(list));
    await stop.reached();
    expect(await two.cancel("june")).toEqual({ cancelled: 3, inFlight: 0 });
    await stop.go();
    expect(await going).toBe("cancelled");
    await list.discard();
    expect(await two.totals("june")).toMatchObject({ total: 3, cancelled: 3 });
    expect(await tablesOf(bench)).toEqual([]);
    await two.retry("june", ["cancelled"]);
    expect(await ingest(two, people(20))).toMatchObject({ added: 17, duplicates: 3 });
    await expectWhole(bench);
  });

  it("addresses may be suppressed: they are so in the list", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, [...people(20), LAST]));
    await stop.reached();
    const entry = (address: string) => ({ address, reason: "manual", source: "test" });
    await two.suppress([entry("P3@x.example"), entry("p4@x.example"), { ...entry("p5@x.example"), rehearsal: true }]);
    await stop.go();
    expect(await going).toEqual({ added: 19, duplicates: 0, suppressed: 2 });
    expect(await states(two)).toMatchObject({ "p3@x.example": "suppressed", "p5@x.example": "pending" });
    await expectWhole(bench);
  });

  it("and also right before its end, when all of it was written", async () => {
    const bench = await preparePostgres();
    const one = await bench.open();
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, [...people(20), LAST]));
    await stop.reached();
    const client = await connection();
    const release = await holdWriterLock(bench);
    await stop.go();
    // From here on only the writer lock keeps it from its end.
    await untilWaitingFor(bench, "writer");
    await client.query(
      `insert into "${bench.schema}".suppression (address, reason, source, created_at) values ('p7@x.example', 'manual', 'test', $1)`,
      [bench.clock.now()],
    );
    await release();
    expect(await going).toEqual({ added: 20, duplicates: 0, suppressed: 1 });
    expect(await states(one)).toMatchObject({ "p7@x.example": "suppressed", "p8@x.example": "pending" });
    await expectWhole(bench);
  });

  it("a rehearsal may get the name of its topic: it goes in there", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    await ingest(two, people(3));
    const { claims } = await turn(two, 9, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    await settle(two, ...claims.map((claim) => sent(claim)));
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, [...people(5), LAST]), { topic: "june (rehearsal)" });
    await stop.reached();
    expect(await accept(two, [message(["new@x.example"])])).toMatchObject({
      setAside: [{ topic: "june", now: "june (rehearsal)" }],
    });
    await stop.go();
    expect(await going).toEqual({ added: 3, duplicates: 3, suppressed: 0 });
    expect((await two.topics()).map(({ topic, total }) => [topic, total])).toEqual([
      ["june (rehearsal)", 6],
      ["june", 1],
    ]);
    await expectWhole(bench);
  });
}

function atOnce(): void {
  it("of the same people add everybody once, also when each begins in the middle", async () => {
    const bench = await preparePostgres();
    const stores = [await bench.open(), await bench.open(), await bench.open()];
    const all = people(1_500);
    const lists = stores.map((_, n) =>
      [...all.slice(n * 500), ...all.slice(0, n * 500)].map((email) => (n === 1 ? email.toUpperCase() : email)),
    );
    const results = await Promise.all(stores.map(async (store, n) => ingest(store, lists[n] ?? [])));
    expect(results.reduce((sum, { added }) => sum + added, 0)).toBe(1_500);
    expect(results.map(({ added, duplicates }) => added + duplicates)).toEqual([1_500, 1_500, 1_500]);
    expect((await messagesOf(stores[0]!)).map(({ email }) => email.toLowerCase()).toSorted()).toEqual(all.toSorted());
    await expectWhole(bench);
  });

  it("into one topic wait for each other, until a signal comes", async () => {
    const bench = await preparePostgres();
    const one = await bench.open();
    const interrupt = new AbortController();
    const options = { schema: bench.schema, time: "clock", signal: interrupt.signal } as const;
    const two = await openStore((await sharedServer()).url, bench.clock, options);
    onTestFinished(() => two.close());
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, [...people(3), LAST]));
    await stop.reached();
    const waiting = commit(await staged(two, people(5)));
    await untilWaitingFor(bench, "topic june");
    interrupt.abort();
    await expect(waiting).rejects.toThrow(InterruptedError);
    await stop.go();
    expect(await going).toMatchObject({ added: 4 });
    expect(await one.totals("june")).toMatchObject({ total: 4 });
    await expectWhole(bench);
  });

  it("into different topics do not wait for each other", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    const stop = await stopAtLast(bench);
    const going = commit(await staged(one, [LAST, ...people(5)]));
    await stop.reached();
    expect(await ingest(two, people(5), { topic: "july", content: content("new") })).toMatchObject({ added: 5 });
    await stop.go();
    await going;
    await expectWhole(bench);
  });
}

function cuts(): void {
  async function prepared(): Promise<{ bench: PostgresBench; proxy: DatabaseProxy; store: Opened }> {
    const bench = await preparePostgres();
    return { bench, ...(await behindProxy(bench)) };
  }

  it("in the middle of a COPY loses no row and doubles none", async () => {
    const { bench, proxy, store } = await prepared();
    const list = await store.stage();
    onTestFinished(() => list.discard());
    await list.add(long(100));
    const connects = proxy.connects();
    proxy.cutAfter(50_000);
    await list.add(long(1_000).slice(100));
    await list.add(
      people(2_000)
        .slice(1_000)
        .map((email) => row(email)),
    );
    expect(await list.forecast("june")).toMatchObject({ added: 2_000, repeated: 0 });
    expect(await commit(list)).toEqual({ added: 2_000, duplicates: 0, suppressed: 0 });
    expect((await messagesOf(store)).map(({ email }) => email)).toEqual(people(2_000));
    expect(proxy.connects()).toBeGreaterThanOrEqual(connects + 2);
    await expectWhole(bench);
  });

  it("for good leaves nothing of the list, and the next one drops its table", async () => {
    const { bench, proxy, store } = await prepared();
    const list = await staged(store, people(10));
    expect(await list.forecast("june")).toMatchObject({ added: 10 });
    await proxy.refuse();
    proxy.cut();
    await expect(commit(list)).rejects.toThrow(StoppedError);
    await list.discard();
    const other = await bench.open();
    expect(await other.topics()).toEqual([]);
    expect(await tablesOf(bench)).toHaveLength(1);
    expect(await foresee(other, people(3))).toMatchObject({ added: 3 });
    expect(await tablesOf(bench)).toEqual([]);
  });

  it.each<CommitFate>(["lost", "done", "late"])("at the commit does not matter when it is %s", async (fate) => {
    const { bench, proxy, store } = await prepared();
    const list = await staged(store, people(50));
    expect(await list.forecast("june")).toMatchObject({ added: 50 });
    // The first commit of it reserves ids.
    const struck = proxy.strike(fate, 1);
    const going = commit(list);
    await struck.happened;
    await struck.release();
    expect(await going).toEqual({ added: 50, duplicates: 0, suppressed: 0 });
    expect((await messagesOf(store)).map(({ email }) => email)).toEqual(people(50));
    await expectWhole(bench);
  });

  it("with the server leaves nothing: rows that a crash of the server took are missed", async () => {
    const server = await startPostgres();
    onTestFinished(() => server.dispose());
    const clock = new ManualClock();
    const store = await openStore(server.url, clock, { time: "clock" });
    onTestFinished(() => store.close());
    const list = await staged(store, people(50));
    expect(await list.forecast("june")).toMatchObject({ added: 50 });
    await server.restart("immediate");
    const lost = { name: "StoppedError", message: expect.stringContaining("lost rows of the list") };
    await expect(list.forecast("june")).rejects.toMatchObject(lost);
    await expect(commit(list)).rejects.toMatchObject(lost);
    expect(await store.topics()).toEqual([]);
    await list.discard();
    expect(await ingest(store, people(50))).toMatchObject({ added: 50 });
  });
}

function stagedRows(): void {
  it("come back as they were, whatever they are", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const hard = [
      "a\\b\\N\\.",
      "tab\there",
      "line\nend\r\n",
      '"quotes" {braces}',
      "안녕 🎉 é e\u0301",
      "\u0000 \ud83d \udcec",
      "",
      "\\\\",
      "\u2028",
    ];
    const emails = ["O'Neil+%_\\@x.example", "{a,b}@x.example", "`~^@x.example"];
    await addList(
      store,
      emails.map((email) => row(email, [email, ...hard])),
      {
        columns: ["email", ...hard.map((_, n) => `c${n}`)],
      },
    );
    const kept = await messagesOf(store);
    expect(kept.map(({ email }) => email)).toEqual(emails);
    for (const { fields, email } of kept) expect(Object.values(fields)).toEqual([email, ...hard]);
  });

  it("with letters of several bytes are whole, wherever a batch is cut", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const name = "🎉안é".repeat(300);
    await addList(
      store,
      people(400).map((email, n) => row(email, ["x".repeat(n % 7) + name])),
      { columns: ["name"] },
    );
    const names = (await messagesOf(store)).map(({ fields }) => fields["name"]?.replace(/^x*/, ""));
    expect(names).toHaveLength(400);
    expect(new Set(names)).toEqual(new Set([name]));
  });

  it("with NUL are refused before anything is sent", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const list = await store.stage();
    await expect(list.add([row("a\0b@x.example")])).rejects.toThrow(
      /a row holds the character NUL: "a\\u0000b@x.example"/,
    );
    await list.discard();
    expect(await tablesOf(bench)).toEqual([]);
  });

  it("are nowhere after a discard and after a commit", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await foresee(store, people(10));
    await ingest(store, people(10));
    expect(await tablesOf(bench)).toEqual([]);
    expect(await rows(bench.schema, "select * from sm.staging")).toEqual([]);
  });

  it("of dead processes are dropped when the next list comes, those of others are not", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const mine = thisMachine().processTable;
    const { pid: dead } = spawnSync("true");
    const old = bench.clock.now() - 3_600_001;
    const left = [
      { name: "staged_00000000000000d1", pid: dead, table: mine, at: bench.clock.now(), isDead: true },
      { name: "staged_00000000000000d2", pid: process.pid, table: mine, at: bench.clock.now(), isDead: true },
      { name: "staged_00000000000000d3", pid: process.pid, table: "another machine", at: old, isDead: true },
      { name: "staged_00000000000000a1", pid: process.ppid, table: mine, at: old, isDead: false },
      { name: "staged_00000000000000a2", pid: dead, table: "another machine", at: bench.clock.now(), isDead: false },
    ];
    for (const { name, pid, table, at } of left) {
      await rows(bench.schema, `create table sm.${name} (id int)`);
      await rows(
        bench.schema,
        "insert into sm.staging (name, handle_token, host, pid, process_table, renewed_at) values ($1, 't', $2, $3, $4, $5)",
        name,
        hostname(),
        pid,
        table,
        at,
      );
    }
    const waiting = await staged(await bench.open(), people(3));
    await waiting.forecast("june");
    await foresee(store, people(3));
    const tables = await tablesOf(bench);
    for (const { name, isDead } of left) expect([name, tables.includes(name)]).toEqual([name, !isDead]);
    expect(tables).toHaveLength(3);
    expect(await commit(waiting)).toMatchObject({ added: 3 });
  });
}
