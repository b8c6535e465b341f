/** How PostgreSQL looks for what is due: the rules in its SQL are the rules, and no topic in the way makes it slow or wrong. */
import { describe, expect, it } from "vitest";
import type { Scope, Turn } from "../../../src/deliver/source.ts";
import { admit } from "../../../src/store/rules/admit.ts";
import { pauseLeftMs } from "../../../src/store/rules/pause.ts";
import { requireServers } from "../../support/servers.ts";
import { addList, EVERYTHING, ingest, putBack, settle, turn } from "../../support/store-actions.ts";
import { type PostgresBench, preparePostgres, rows } from "./bench.ts";

const NOW = Date.UTC(2026, 9, 1);

interface Case {
  endpoint: string | null;
  cancelledAt: number | null;
  calledAt: number | null;
  afreshAt: number | null;
  prunedAt: number | null;
  sending: number;
  pausedAt: number | null;
  pausedUntil: number | null;
}

/** All combinations that the columns of a topic can have. */
function cases(): Case[] {
  const pauses = [
    [null, null],
    [NOW - 1_000, null],
    [NOW - 1_000, NOW],
    [NOW - 1_000, NOW + 1],
  ] as const;
  const all: Case[] = [];
  for (const endpoint of [null, "ses", "sandbox"])
    for (const cancelledAt of [null, 1])
      for (const calledAt of [null, 1])
        for (const afreshAt of [null, 1])
          for (const sending of [0, 1])
            for (const [pausedAt, pausedUntil] of pauses)
              all.push({ endpoint, cancelledAt, calledAt, afreshAt, prunedAt: null, sending, pausedAt, pausedUntil });
  return all;
}

/** Topics c0, c1, …, each with a message that goes at once and one that had to wait. */
async function insert({ schema }: PostgresBench, all: readonly Case[]): Promise<void> {
  await rows(
    schema,
    `insert into sm.topic (name, content_id, created_at, endpoint, cancelled_at, called_at, afresh_at, paused_at, paused_until)
     select 'c' || n, 1, 1, c->>'endpoint', (c->>'cancelledAt')::bigint, (c->>'calledAt')::bigint, (c->>'afreshAt')::bigint,
       (c->>'pausedAt')::bigint, (c->>'pausedUntil')::bigint
     from jsonb_array_elements($1::jsonb) with ordinality e (c, n) order by n`,
    JSON.stringify(all),
  );
  await rows(
    schema,
    `with counted as (
       insert into sm.topic_count (topic_id, pending, sending) select t.id, 2, (c->>'sending')::int
       from jsonb_array_elements($1::jsonb) with ordinality e (c, n) join sm.topic t on t.name = 'c' || n)
     insert into sm.message (id, content_id, ingest_id, topic_id, email, fields, not_before)
     select 2 * t.id + k, 1, 1, t.id, 'p' || t.id || k || '@x.example', '[]', k * ${NOW - 5} from sm.topic t, generate_series(0, 1) k`,
    JSON.stringify(all),
  );
}

const emailsOf = ({ claims }: Turn): string[] => claims.map(({ email }) => email);

describe.skipIf(requireServers("postgres"))("a look on a server", { timeout: 120_000 }, () => {
  it.each(["ses", "sandbox"] as const)(
    "admits to %s the topics that the rules admit, asked in any way",
    async (endpoint) => {
      const bench = await preparePostgres();
      const store = await bench.open();
      expect(bench.clock.now()).toBe(NOW);
      const all = cases();
      await insert(bench, all);
      const scope: Scope = { topic: null, endpoint, maxLateMs: null };
      let open = 0;
      for (const [index, topic] of all.entries()) {
        const isOpen =
          topic.cancelledAt === null &&
          admit(topic, { adds: false, endpoint, content: null }) === "fine" &&
          pauseLeftMs(topic, NOW) === 0;
        if (isOpen) open++;
        const one = { ...scope, topic: `c${index + 1}` };
        const seen = [(await store.nextDueInMs(one)) === 0, (await store.peek(one)) !== null];
        expect({ topic, seen }).toEqual({ topic, seen: [isOpen, isOpen] });
      }
      expect(open).toBeGreaterThan(10);
      expect((await store.outlook(scope)).due).toBe(2 * open);
      expect((await store.outlook({ ...scope, held: new Set(["c1"]) })).due).toBeLessThan(2 * open);
      // The cases are no sound job; the turn is not taken.
      await rows(bench.schema, "truncate sm.message, sm.topic, sm.topic_count");
    },
  );

  it("passes over many times of a topic that may not be sent, and over many such topics", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const at = bench.clock.now();
    const spread = (count: number, topic: string) =>
      addList(
        store,
        Array.from({ length: count }, (_, index) => ({
          email: `${topic}${index}@x.example`,
          fields: "[]",
          notBefore: at + 1 + index,
        })),
        { topic },
      );
    await spread(300, "a");
    await spread(200, "b");
    await ingest(store, ["due@x.example"], { topic: "c", at: at + 250 });
    await spread(5, "d");
    for (const topic of ["a", "b"]) await store.pause(topic, null);
    bench.clock.pass(1_000);
    expect(await store.nextDueInMs(EVERYTHING)).toBe(0);
    expect(emailsOf(await turn(store, 3))).toEqual(["d0@x.example", "d1@x.example", "d2@x.example"]);
    expect(emailsOf(await turn(store, 9))).toEqual(["d3@x.example", "d4@x.example", "due@x.example"]);
    expect(await store.nextDueInMs(EVERYTHING)).toBeNull();
    await store.resume("b");
    expect(emailsOf(await turn(store, 250))).toHaveLength(200);
  });

  it.each(["oldest first", "newest first"] as const)(
    "for a late page of topics, %s, reads no counters of those before it",
    async (order) => {
      const bench = await preparePostgres();
      const { schema } = bench;
      const store = await bench.open();
      await rows(
        schema,
        "insert into sm.topic (name, content_id, created_at) select 't' || n, 1, 1 from generate_series(1, 5000) n",
      );
      await rows(schema, "insert into sm.topic_count (topic_id) select id from sm.topic");
      await rows(schema, "analyze sm.topic, sm.topic_count");
      const read = async () => {
        const [found] = await rows(
          schema,
          "select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as count from pg_stat_all_tables where relid = 'sm.topic_count'::regclass",
        );
        return (found as { count: number }).count;
      };
      const before = await read();
      const { rows: page } = await store.topicPage({ order, after: "2500", limit: 10 });
      expect(page[0]?.topic).toBe(order === "oldest first" ? "t2501" : "t2499");
      // A connection tells what it has read when it ends, if not earlier.
      await store.close();
      await expect.poll(async () => (await read()) - before, { timeout: 20_000 }).toBeGreaterThanOrEqual(10);
      expect((await read()) - before).toBeLessThan(100);
    },
  );

  it("goes on behind its last claims, and comes back to what others put back when that was all, or soon", async () => {
    const bench = await preparePostgres();
    const [store, other] = [await bench.open(), await bench.open()];
    const people = Array.from({ length: 12 }, (_, index) => `p${index}@x.example`);
    await ingest(store, people);
    await turn(store, 2);
    const early = (await turn(other, 1)).claims;
    await turn(store, 1);
    await settle(other, ...early.map((claim) => putBack(claim)));
    expect(emailsOf(await turn(store, 1))).toEqual(["p4@x.example"]);
    expect(emailsOf(await turn(other, 1))).toEqual(["p2@x.example"]);
    await settle(other, ...early.map((claim) => putBack(claim)));
    bench.clock.pass(2_000);
    expect(emailsOf(await turn(store, 1))).toEqual(["p2@x.example"]);
    const later = (await turn(other, 2)).claims;
    expect(emailsOf(await turn(store, 2))).toEqual(["p7@x.example", "p8@x.example"]);
    await settle(other, ...later.map((claim) => putBack(claim)));
    const rest = await turn(store, 9);
    expect(emailsOf(rest).toSorted()).toEqual([
      "p10@x.example",
      "p11@x.example",
      "p5@x.example",
      "p6@x.example",
      "p9@x.example",
    ]);
  });

  it("never lets what is more urgent, or what it puts back itself, wait behind its last claims", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]);
    const [a] = (await turn(store, 2)).claims;
    await ingest(store, ["code@x.example"], { topic: "codes", priority: 10 });
    expect(emailsOf(await turn(store, 1))).toEqual(["code@x.example"]);
    expect(emailsOf(await turn(store, 1, { settlements: [putBack(a)] }))).toEqual(["a@x.example"]);
    expect(emailsOf(await turn(store, 9))).toEqual(["c@x.example", "d@x.example"]);
  });

  it("nor what is more urgent and was put back by others", async () => {
    const bench = await preparePostgres();
    const [store, other] = [await bench.open(), await bench.open()];
    await ingest(store, ["a@x.example", "b@x.example"]);
    await ingest(store, ["code1@x.example", "code2@x.example"], { topic: "codes", priority: 10 });
    const [code] = (await turn(other, 1)).claims;
    expect(emailsOf(await turn(store, 1))).toEqual(["code2@x.example"]);
    await settle(other, putBack(code));
    expect(emailsOf(await turn(store, 1))).toEqual(["code1@x.example"]);
    expect(emailsOf(await turn(store, 9))).toEqual(["a@x.example", "b@x.example"]);
  });
});
