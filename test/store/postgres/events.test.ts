/** Events, visits, suppressions and keys where PostgreSQL differs: many processes at once, whole batches in a few statements, its texts. */
import pg from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import type { SesEvent } from "../../../src/feedback/ses-event.ts";
import { lockKey } from "../../../src/store/postgres/locks.ts";
import type { Visit } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, click, complaint, delivery, open as opened } from "../../feedback/events.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import { inDoubt, ingest, putBack, settle, states, turn } from "../../support/store-actions.ts";
import { accepted, apply, eventOf, of } from "../contract/mail-events.ts";
import { type PostgresBench, preparePostgres, rows } from "./bench.ts";

const addresses = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `p${from + index}@x.example`);

/** So many messages, in flight. */
async function claimed(store: Store, count: number): Promise<Claim[]> {
  await ingest(store, addresses(count));
  return (await turn(store, count)).claims;
}

async function sentTo(store: Store, count: number): Promise<Claim[]> {
  const claims = await claimed(store, count);
  await settle(store, ...claims.map(accepted));
  return claims;
}

/** Holds the writer lock of a job, as another process does in the middle of a write. Returns what lets it go. */
async function holdWriterLock({ schema }: PostgresBench): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: (await sharedServer()).url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock($1::bigint)", [lockKey(schema, "writer")]);
  return async () => void (await client.query("commit"));
}

/** How many statements a call takes. */
async function statementsOf(call: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(pg.Client.prototype, "query");
  try {
    await call();
    // Whether the server is crowded is looked at now and then, whatever else is asked.
    return query.mock.calls.filter((asked) => !JSON.stringify(asked).includes("pg_stat_activity")).length;
  } finally {
    query.mockRestore();
  }
}

describe.skipIf(requireServers("postgres"))("on a server", () => {
  describe("events", () => {
    events();
    texts();
  });
  describe("visits", () => {
    visits();
  });
  describe("suppressions", () => {
    suppressions();
  });
  describe("signing keys", () => {
    signingKeys();
  });
});

function events(): void {
  it("of one dump that two processes take in at once count once", async () => {
    const { open } = await preparePostgres();
    const stores = [await open(), await open()] as const;
    const claims = await claimed(stores[0], 300);
    await settle(stores[0], ...claims.slice(0, 100).map((claim) => inDoubt(claim)));
    const dump = claims.flatMap((claim, index) => {
      // One without our tags finds a message in doubt only by what another event tells.
      const options = of(stores[0], claim, { legacy: index % 3 === 0 && index % 10 !== 0 });
      return index % 10 === 0
        ? [bounce("Permanent", "General", options)]
        : [delivery(options), opened(of(stores[0], claim))];
    });
    const batches = Array.from({ length: 9 }, (_, piece) => dump.slice(piece * 64, (piece + 1) * 64));
    const take = async (store: Store, order: typeof batches) => {
      const results = [];
      for (const batch of order) results.push(await apply(store, ...batch));
      return results;
    };
    const results = (await Promise.all([take(stores[0], batches), take(stores[1], batches.toReversed())])).flat();
    await settle(stores[0], ...claims.slice(100).map(accepted));
    const more = await Promise.all(stores.map((store) => store.matchKeptEvents()));
    const sum = (name: "applied" | "suppressed" | "settled") =>
      [...results, ...more].reduce((total, result) => total + result[name], 0);
    expect({ applied: sum("applied"), suppressed: sum("suppressed") }).toEqual({
      applied: dump.length,
      suppressed: 30,
    });
    expect(sum("settled")).toBe(100);
    expect(await stores[0].topic("june")).toMatchObject({
      sent: 300,
      delivered: 270,
      opened: 270,
      bounced_permanent: 30,
    });
  });

  it("are taken in by the same few statements, however many they are", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const claims = await claimed(store, 2_500);
    await settle(store, ...claims.slice(0, 2_000).map((claim) => inDoubt(claim)));
    const batchOf = (of1: readonly Claim[], from: number): SesEvent[] => [
      ...of1.slice(0, -1).flatMap((claim) => [eventOf(delivery(of(store, claim))), eventOf(opened(of(store, claim)))]),
      eventOf(bounce("Permanent", "General", of(store, of1.at(-1)))),
      eventOf(delivery({ id: 1_000_000 + from, legacy: true })),
    ];
    const few = await statementsOf(() => store.applyEvents(batchOf(claims.slice(0, 2), 0)));
    const batch = batchOf(claims.slice(2), 1);
    expect(batch).toHaveLength(4_996);
    expect(await statementsOf(() => store.applyEvents(batch))).toBe(few);
    expect(few).toBeLessThan(30);
    expect(await store.topic("june")).toMatchObject({ sent: 2_000, sending: 500, delivered: 2_498, opened: 2_498 });
  });

  it("and what else comes in batches find rows by index, also when the tables are nearly empty and will not stay so", async () => {
    const bench = await preparePostgres();
    const { open, schema } = bench;
    const setUp = await open();
    const claims = await sentTo(setUp, 12);
    await setUp.close();
    const store = await open();
    for (const claim of claims) {
      const [own, legacy] = [of(store, claim), of(store, claim, { legacy: true })];
      await apply(
        store,
        delivery(own),
        bounce("Permanent", "General", legacy),
        delivery({ id: 5_000_000, legacy: true }),
      );
      await store.applyVisits([
        { kind: "click", messageId: claim.id, at: 1, machine: false, link: "https://x.example/" },
      ]);
      await store.unsubscribe([{ messageId: claim.id, at: 1, from: "list" }]);
      await store.suppress([{ address: `more-${claim.email}`, reason: "vip", source: "manual" }]);
      await store.searchSuppressions({ text: "more", after: null, limit: 2 });
      for await (const _each of store.suppressions());
      await store.matchKeptEvents();
      await store.matchKeptEvents(1_000);
    }
    // What a connection did is counted when it ends. Making the tables and their indexes, and a list, look at them a few times.
    await store.close();
    const tables = ["event", "feedback", "recipient", "suppression", "unmatched"];
    const scans = () =>
      rows(
        schema,
        `select relname::text as name, seq_scan < 12 as rarely, idx_scan >= 12 as found from pg_stat_user_tables
         where schemaname = $1 and relname = any ($2::text[]) order by 1`,
        schema,
        tables,
      );
    await expect.poll(scans, { timeout: 15_000 }).toEqual(tables.map((name) => ({ name, rarely: true, found: true })));
  });

  it("of a message whose SES id the same batch makes known are applied, those of the id before are kept", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const [one] = await claimed(store, 1);
    await settle(store, inDoubt(one));
    const options = of(store, one);
    const [before, after] = [complaint({ ...options, legacy: true }), opened({ ...options, legacy: true })];
    expect(await apply(store, before, delivery(options), after)).toMatchObject({
      applied: 2,
      unmatched: 1,
      settled: 1,
    });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 1, duplicates: 0 });
    expect(await store.topic("june")).toMatchObject({ sent: 1, delivered: 1, opened: 1, complained: 1 });
  });

  it("that prove and suppress in one batch move each message once", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example", "c@x.example"]);
    await ingest(store, ["a@x.example", "b@x.example", "c@x.example"], { topic: "july" });
    const { claims } = await turn(store, 3, { scope: { topic: "june", endpoint: "ses", maxLateMs: null } });
    await settle(store, ...claims.map((claim) => putBack(claim)));
    const own = (email: string) =>
      of(
        store,
        claims.find((claim) => claim.email === email),
      );
    // The first is suppressed, then proven sent; the second proven by what suppresses its address.
    const foreign = complaint({ id: 77, to: ["a@x.example"], legacy: true });
    await apply(store, foreign, delivery(own("a@x.example")), complaint(own("b@x.example")));
    expect(await states(store)).toEqual({ "a@x.example": "sent", "b@x.example": "sent", "c@x.example": "pending" });
    expect(await states(store, "july")).toEqual({
      "a@x.example": "suppressed",
      "b@x.example": "suppressed",
      "c@x.example": "pending",
    });
  });

  it("that are kept are applied however many they are", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const claims = await claimed(store, 1_300);
    const batch = claims.flatMap((claim) => [
      eventOf(delivery(of(store, claim, { legacy: true }))),
      eventOf(complaint(of(store, claim, { legacy: true }))),
    ]);
    // Of a mail of ours that never was, and of another program.
    const nobody = [
      eventOf(delivery({ id: 5_000_000, job: store.jobId })),
      eventOf(delivery({ id: 5_000_001, legacy: true })),
    ];
    expect(await store.applyEvents([...batch, ...nobody])).toMatchObject({ unmatched: 2_602 });
    await settle(store, ...claims.map(accepted));
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 2_600, duplicates: 0 });
    expect(await store.topic("june")).toMatchObject({ delivered: 1_300, complained: 1_300 });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
  });
}

function texts(): void {
  it("with texts that PostgreSQL cannot keep are taken in all the same", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const [one, two] = await sentTo(store, 2);
    const odd = "550 \0\ud800 no";
    const broken: SesEvent[] = [
      { ...eventOf(bounce("Permanent", "General", of(store, one))), reason: odd, bounceSubType: odd },
      { ...eventOf(click(of(store, two))), link: odd },
      { ...eventOf(delivery({ id: 7, legacy: true })), sesMessageId: odd, key: `delivery ${odd}` },
    ].map((event) => ({
      ...event,
      suppressions: [
        { address: `${odd.slice(4, 6)}@x.example`, leaves: { kind: "everything" }, reason: "bounce", detail: odd },
      ],
    }));
    expect(await store.applyEvents(broken)).toMatchObject({ applied: 2, unmatched: 1, suppressed: 1 });
    expect(await store.applyEvents(broken)).toMatchObject({ duplicates: 3, suppressed: 0 });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
    const [found] = (await store.searchSuppressions({ text: "\0", after: null, limit: 2 })).rows;
    expect(found).toMatchObject({ address: "\ufffd\ufffd@x.example", detail: "550  \ufffd no" });
    expect(await store.suppressionsOf("\0\ud800@x.example")).toEqual([found]);
  });

  it("with keys that are longer than an index takes are kept once", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const many = Array.from({ length: 50 }, (_, index) => `${Math.sin(index)}${"x".repeat(250)}@${index}.example`);
    const event = bounce("Permanent", "General", { id: 7, to: many, legacy: true });
    const twin = bounce("Permanent", "General", { id: 7, to: many.slice(1), legacy: true });
    expect(await apply(store, event, twin, event)).toMatchObject({ unmatched: 2, duplicates: 1 });
    expect(await apply(store, twin)).toMatchObject({ unmatched: 0, duplicates: 1 });
  });

  it("keep what is read later, and nothing else of the people in them", async () => {
    const { open, schema } = await preparePostgres();
    const store = await open();
    await apply(store, complaint({ id: 7, to: ["one@x.example"], legacy: true }), click({ id: 9, job: "another" }));
    const bodies = (await rows(schema, "select body from sm.unmatched")) as { body: string }[];
    expect(bodies).toHaveLength(2);
    for (const { body } of bodies)
      for (const personal of ["Mozilla", "Example-FBL", "198.51.100"]) expect(body).not.toContain(personal);
  });
}

function visits(): void {
  const visit = (claim: Claim | undefined, link: string | null, given: Partial<Visit> = {}): Visit => ({
    kind: link === null ? "open" : "click",
    messageId: claim?.id ?? 0,
    at: 1_000,
    machine: false,
    link,
    ...given,
  });

  it("leave one row however often the same visit comes, also at the same time: nobody can fill the disk with clicks", async () => {
    const { open, schema } = await preparePostgres();
    const stores = [await open(), await open()] as const;
    const [one, two] = await sentTo(stores[0], 2);
    const [shop, blog] = ["https://x.example/shop", "https://x.example/blog"];
    const batch = [
      visit(one, shop),
      visit(one, shop, { machine: true }),
      visit(two, shop),
      visit(two, blog),
      visit(two, blog),
      visit(one, null),
      visit(one, null, { machine: true }),
    ];
    await Promise.all(stores.flatMap((store) => Array.from({ length: 10 }, () => store.applyVisits(batch))));
    expect(await rows(schema, "select count(*) as n, sum(times)::int8 as times from sm.event")).toEqual([
      { n: 4, times: 100 },
    ]);
    expect(
      await rows(schema, "select opens, machine_opens, clicks from sm.feedback where message_id = $1", one?.id),
    ).toEqual([{ opens: 20, machine_opens: 20, clicks: 40 }]);
  });

  it("and unsubscriptions are counted by the same few statements, however many they are", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    const claims = await claimed(store, 1_200);
    await settle(store, ...claims.map((claim) => inDoubt(claim)));
    const all = (of1: Claim[]) =>
      of1.flatMap((claim) => [visit(claim, null), visit(claim, `https://x.example/${claim.id}`)]);
    const leave = (of1: Claim[]) => of1.map(({ id }) => ({ messageId: id, at: 2_000, from: "list" as const }));
    const few = await statementsOf(() => store.applyVisits(all(claims.slice(0, 1))));
    expect(await statementsOf(() => store.applyVisits(all(claims.slice(1, 1_000))))).toBe(few);
    const left = await statementsOf(() => store.unsubscribe(leave(claims.slice(0, 1))));
    expect(await statementsOf(() => store.unsubscribe(leave(claims.slice(1, 1_000))))).toBe(left);
    expect(Math.max(few, left)).toBeLessThan(30);
    expect(await store.topic("june")).toMatchObject({
      sent: 1_000,
      in_doubt: 200,
      clicked: 1_000,
      unsubscribed: 1_000,
    });
  });
}

function suppressions(): void {
  it("beside claims: a message is handed out or suppressed, never both", async () => {
    const { open } = await preparePostgres();
    const [sender, other] = [await open(), await open()];
    const people = addresses(400);
    await ingest(sender, people);
    const handedOut = new Set<string>();
    // From both ends, so that they meet in the middle.
    for (let round = 0; round < 20; round++) {
      const from = 400 - (round + 1) * 12;
      const [{ claims }] = await Promise.all([
        turn(sender, 15, { perSecond: 1e9 }),
        other.suppress(people.slice(from, from + 12).map((address) => ({ address, reason: "bounce", source: "test" }))),
      ]);
      for (const { email } of claims) handedOut.add(email);
    }
    const found = Object.entries(await states(sender));
    expect(found.filter(([, state]) => state === "sending").map(([email]) => email)).toEqual(
      people.filter((email) => handedOut.has(email)),
    );
    const suppressed = found.filter(([, state]) => state === "suppressed");
    expect(suppressed.length).toBeGreaterThan(0);
    expect(await sender.totals("june")).toMatchObject({ sending: handedOut.size, suppressed: suppressed.length });
  });

  it("of a hundred thousand addresses in one call are written together, in a few statements", async () => {
    const { open } = await preparePostgres();
    const store = await open();
    await ingest(store, ["P7@x.example", "p99999@x.example", "q@x.example"]);
    const entries = addresses(100_000).map((address) => ({ address, reason: "bounce", source: "import" }));
    let added = 0;
    const statements = await statementsOf(
      async () => (added = await store.suppress([...entries, ...entries.slice(0, 9)])),
    );
    expect({ added, isFew: statements < 100 }).toEqual({ added: 100_000, isFew: true });
    expect(await store.countSuppressions()).toBe(100_000);
    expect(await store.totals("june")).toMatchObject({ pending: 1, suppressed: 2 });
    expect(await store.unsuppress(entries.map(({ address }) => address))).toBe(100_000);
  });
}

function signingKeys(): void {
  it("are made once, however many processes wait to make the first one", async () => {
    const bench = await preparePostgres();
    const stores = await Promise.all(Array.from({ length: 10 }, () => bench.open()));
    const release = await holdWriterLock(bench);
    const asked = Promise.all(stores.map((store) => store.signingKeys()));
    // All of them have seen that there is none, and wait to make it.
    await vi.waitFor(async () => {
      const waiting = await rows(
        bench.schema,
        "select count(*) as n from pg_locks where locktype = 'advisory' and not granted and (classid::int8 << 32) + objid::int8 = $1::int8",
        lockKey(bench.schema, "writer"),
      );
      expect(waiting).toEqual([{ n: 10 }]);
    }, 10_000);
    await release();
    const found = await asked;
    expect(found[0]).toHaveLength(1);
    for (const keys of found) expect(keys).toEqual(found[0]);
    expect(await rows(bench.schema, "select count(*) as n from sm.signing_key")).toEqual([{ n: 1 }]);
  });
}
