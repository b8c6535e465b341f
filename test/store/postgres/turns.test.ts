/** Turns where PostgreSQL differs: a COMMIT that is not answered, the rate beside the turn, a newer schema, suppressions that come late. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { Settlement, Turn } from "../../../src/deliver/source.ts";
import { AwayError, StoppedError } from "../../../src/errors.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import type { CommitFate } from "../../support/database-proxy.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import {
  departed,
  EVERYTHING,
  ingest,
  messagesOf,
  putBackFor,
  sent,
  settle,
  turn,
} from "../../support/store-actions.ts";
import { behindProxy, type PostgresBench, preparePostgres, rows } from "./bench.ts";
import { connection, holdWriterLock } from "./beside.ts";

const people = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}@x.example`);
const WINDOW_MS = 1_010;

/** What is asked at the same time takes a connection each, as long as the server has room. */
async function takeTwoConnections(store: Store): Promise<void> {
  await Promise.all([store.topics(), store.topics()]);
}

/** Takes one turn, no more. */
function once(store: Store, room: number, settlements: Settlement[] = [], rest = {}): Promise<Turn> {
  const asked = { perSecond: 1e9, withinMs: 0, scope: EVERYTHING, departed: [], throttledAgoMs: null, ...rest };
  return store.turn({ settlements, room, ...asked });
}

const failure = (taken: Promise<unknown>): Promise<unknown> => taken.catch((error: unknown) => error);

const idsOf = ({ claims }: Turn): number[] => claims.map(({ id }) => id).sort((a, b) => a - b);

async function inFlight({ schema }: PostgresBench): Promise<number[]> {
  const found = await rows(schema, "select id from sm.message where state = 'sending' order by id");
  return found.map((row) => (row as { id: number }).id);
}

const numberOf = async ({ schema }: PostgresBench): Promise<unknown> =>
  (await rows(schema, "select sum(number)::int8 as sum from sm.handle"))[0];

describe.skipIf(requireServers("postgres"))("turns on a server", { timeout: 120_000 }, () => {
  describe("a COMMIT that is not answered", () => {
    commits();
  });
  describe("the rate", () => {
    paces();
  });
  it("asks without a lock when there is nothing to write and nothing due", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(1), { at: bench.clock.now() + 60_000 });
    await once(store, 5);
    const [number, release] = [await numberOf(bench), await holdWriterLock(bench)];
    expect(await once(store, 5)).toMatchObject({ claims: [], drained: true, rateWaitMs: null, perSecond: 1e9 });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(60_000);
    expect(await store.recover()).toBe(0);
    await release();
    expect(await numberOf(bench)).toEqual(number);
    bench.clock.pass(60_000);
    expect((await turn(store, 5)).claims).toHaveLength(1);
  });

  it("under a schema too new for it writes its answers, claims nothing and says so", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(4));
    const [a, b] = (await turn(store, 2)).claims;
    await rows(bench.schema, "update sm.job set oldest_program = 99");
    await expect(once(store, 2, [sent(a)])).rejects.toThrow(StoppedError);
    await expect(once(store, 2)).rejects.toThrow(/newer ses-mail/);
    await settle(store, sent(a), sent(b));
    expect(await store.totals("june")).toMatchObject({ sent: 2, sending: 0, pending: 2 });
    await rows(bench.schema, "update sm.job set oldest_program = 1");
    expect((await turn(store, 2)).claims).toHaveLength(2);
  });

  it("suppresses whom others suppressed while they were being added, and claims the next instead", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(30));
    const bar = "insert into sm.suppression (address, reason, source, created_at) select $1, 'bounce', 'event', 1";
    for (const at of [0, 1, 2, 5]) await rows(bench.schema, bar, `p${at}@x.example`);
    expect(await store.peek(EVERYTHING)).toMatchObject({ email: "p3@x.example" });
    const { claims } = await turn(store, 3);
    expect(claims.map(({ email }) => email)).toEqual(["p3@x.example", "p4@x.example", "p6@x.example"]);
    expect(await store.totals("june")).toMatchObject({ suppressed: 4, sending: 3, pending: 23 });
  });

  it("answers with texts that no column takes are written all the same", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(2));
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, putBackFor(a, 0, { error: "a\0b\ud800" }), sent(b, "ses\0id"));
    expect(await messagesOf(store)).toMatchObject([
      { state: "pending", error: "a\ufffdb\ufffd" },
      { state: "sent", sesMessageId: "ses\ufffdid" },
    ]);
  });
});

function commits(): void {
  it.each<CommitFate>(["lost", "done", "late"])(
    "%s: is found out, and no answer or claim is lost or doubled",
    async (fate) => {
      const bench = await preparePostgres();
      const { store, proxy } = await behindProxy(bench);
      await ingest(store, people(9));
      const first = await turn(store, 3);
      // The COMMIT of the rate comes before.
      const struck = proxy.strike(fate, 1);
      const second = once(
        store,
        2,
        first.claims.map((claim) => sent(claim)),
      );
      await struck.happened;
      if (fate === "late") await struck.release();
      const claimed = idsOf(await second);
      expect(await inFlight(bench)).toEqual(claimed);
      expect(await store.totals("june")).toMatchObject({ sent: 3 });
      const states = await messagesOf(store);
      expect(states.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0]);
    },
  );

  it.each<CommitFate>(["lost", "done"])(
    "%s, and then the server is away: the next turn puts back what nobody saw, and writes the answers once",
    async (fate) => {
      const bench = await preparePostgres();
      const { store, proxy } = await behindProxy(bench);
      await ingest(store, people(9));
      const [a, b, c] = (await turn(store, 3)).claims;
      await takeTwoConnections(store);
      const struck = proxy.strike(fate, 1, "away");
      const answers = [sent(a), putBackFor(b, 0), putBackFor(c, 60_000)];
      const taken = once(store, 4, answers);
      const refused = failure(taken);
      await struck.happened;
      expect(await refused).toBeInstanceOf(AwayError);
      expect((await inFlight(bench)).includes(a?.id ?? 0)).toBe(fate === "lost");
      await proxy.accept();
      const next = await turn(store, 3, { settlements: answers });
      expect(await inFlight(bench)).toEqual(idsOf(next));
      expect(next.claims).toHaveLength(3);
      const states = (await messagesOf(store)).map(({ state, attempts }) => `${state} ${attempts}`);
      expect(states.slice(0, 3)).toEqual(["sent 1", "pending 1", "pending 1"]);
      expect(states.slice(3).sort()).toEqual([...Array(3).fill("pending 0"), ...Array(3).fill("sending 0")]);
    },
  );

  it("done, and nothing follows but the end: what nobody saw waits again", async () => {
    const bench = await preparePostgres();
    const { store, proxy } = await behindProxy(bench);
    await ingest(store, people(3));
    await turn(store, 1);
    bench.clock.pass(2_000);
    await takeTwoConnections(store);
    // The question whether anything is due, and the rate, come before.
    const struck = proxy.strike("done", 2, "away");
    const refused = failure(once(store, 1));
    await struck.happened;
    expect(await refused).toBeInstanceOf(AwayError);
    expect(await inFlight(bench)).toHaveLength(2);
    await proxy.accept();
    await store.close();
    expect(await inFlight(bench)).toHaveLength(1);
  });

  it("of the rate is lost: less is sent for a second, and never more", async () => {
    const bench = await preparePostgres();
    const { store, proxy } = await behindProxy(bench);
    await ingest(store, people(20));
    const slow = { perSecond: 4, withinMs: 200 };
    const first = await once(store, 4, [], slow);
    expect(first.claims).toHaveLength(1);
    const left = first.claims.map(() => bench.clock.now());
    for (let step = 0; step < 60; step++) {
      bench.clock.pass(50);
      if (step % 3 === 0) proxy.strike(step % 2 === 0 ? "done" : "lost");
      const { claims } = await once(store, 4, [], { ...slow, ...departed(first, 50 * (step + 1), step === 0 ? 1 : 0) });
      left.push(...claims.map(() => bench.clock.now()));
    }
    for (const [index, at] of left.entries()) expect((left[index + 4] ?? Infinity) - at).toBeGreaterThanOrEqual(1_000);
    expect(left.length).toBeGreaterThan(3);
  });
}

const NOW = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as now";

/** Keeps this process from hearing anything for so long. */
function pass(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

function paces(): void {
  const PACE = { perSecond: 100 };

  it.each([
    ["the server was restarted", "update sm.pace set postmaster = postmaster - interval '1 day'"],
    ["its clock was set back", `update sm.pace set state = jsonb_set(state::jsonb, '{updatedAt}', '9e12')::text`],
  ])("counts the window as full when %s: nobody sends, once for a window", async (_, change) => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    await ingest(one, people(9));
    await once(one, 1, [], PACE);
    bench.clock.pass(5_000);
    await rows(bench.schema, change);
    const silent = await once(one, 5, [], PACE);
    expect(silent).toMatchObject({ claims: [], drained: false });
    expect(silent.rateWaitMs).toBeGreaterThan(WINDOW_MS - 1);
    bench.clock.pass(600);
    const still = await once(two, 5, [], PACE);
    expect(still.claims).toEqual([]);
    expect(still.rateWaitMs).toBeLessThan(WINDOW_MS - 599);
    bench.clock.pass(still.rateWaitMs ?? 0);
    expect((await once(two, 5, [], PACE)).claims).toHaveLength(1);
  });

  it("gives back what a turn took of it that found less, at once", async () => {
    const bench = await preparePostgres();
    const [one, two] = [await bench.open(), await bench.open()];
    await ingest(one, people(2));
    await once(one, 0);
    await rows(bench.schema, "update sm.pace set state = jsonb_set(state::jsonb, '{nextAt}', '0')::text");
    // A lease has to be written, so it takes of the rate before it looks.
    bench.clock.pass(6_000);
    await once(two, 1, [], { perSecond: 1e4 });
    bench.clock.pass(100);
    const taken = await once(one, 50, [], { perSecond: 1e4 });
    expect(taken).toMatchObject({ drained: true });
    expect(taken.claims.length).toBeLessThan(3);
    const [pace] = (await rows(bench.schema, "select state from sm.pace")) as { state: string }[];
    const { departures } = JSON.parse(pace?.state ?? "") as { departures: [number, number][] };
    expect(departures.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
  });

  it("is told once when a call left, although a turn that failed is told again with what left since", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(30));
    await once(store, 1, [], PACE);
    bench.clock.pass(60);
    const wide = { ...PACE, withinMs: 500 };
    const first = await once(store, 4, [], wide);
    expect(first.claims).toHaveLength(4);
    bench.clock.pass(10);
    const [a, b] = first.claims;
    await rows(bench.schema, "update sm.job set oldest_program = 99");
    await expect(once(store, 1, [sent(a)], { ...wide, ...departed(first, 0, 1) })).rejects.toThrow(StoppedError);
    await rows(bench.schema, "update sm.job set oldest_program = 1");
    bench.clock.pass(10);
    await once(store, 0, [sent(a), sent(b)], { ...wide, ...departed(first, 0, 2) });
    const [pace] = (await rows(bench.schema, "select state from sm.pace")) as { state: string }[];
    const { departures } = JSON.parse(pace?.state ?? "") as { departures: [number, number, number?][] };
    expect(departures.map(([, count, latest]) => [count, latest !== undefined && latest !== null])).toEqual([
      [1, true],
      [2, true],
      [1, false],
      [1, false],
    ]);
  });

  it("never counts a call before it left, however late a busy process hears the server", async () => {
    const { schema } = await preparePostgres();
    const store = await openStore((await sharedServer()).url, systemClock, { schema });
    onTestFinished(() => store.close());
    await ingest(store, people(3));
    const first = await once(store, 1, [], { perSecond: 5, withinMs: 5_000 });
    for (const { id } of first.claims) {
      const busy = once(store, 0, [sent({ id, topicId: 0 })]);
      // The question is on its way, and its answer waits.
      setImmediate(() => pass(100));
      await busy;
    }
    const [left] = (await rows(schema, NOW)) as { now: number }[];
    await once(store, 0, [], { perSecond: 5, withinMs: 5_000, ...departed(first, 0, 1) });
    const [pace] = (await rows(schema, "select state from sm.pace")) as { state: string }[];
    const { departures } = JSON.parse(pace?.state ?? "") as { departures: [number, number][] };
    expect(departures).toHaveLength(1);
    expect(departures[0]?.[0]).toBeGreaterThanOrEqual(left?.now ?? Infinity);
  });

  it("lets nobody wait for a process that was stopped with it in hand", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, people(2));
    await once(store, 1);
    const stopped = await connection();
    await stopped.query("begin; set local idle_in_transaction_session_timeout = '300ms'");
    await stopped.query(`select 1 from "${bench.schema}".pace for update`);
    stopped.on("error", () => undefined);
    expect((await turn(store, 1)).claims).toHaveLength(1);
  });
}
