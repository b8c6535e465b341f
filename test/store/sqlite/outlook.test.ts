/** The outlook is told by counters of topics where that is quicker: it says the same as counting every message. */
import { expect, it } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { dueSpans, lateSpans, type Now } from "../../../src/store/rules/due.ts";
import { createDue } from "../../../src/store/sqlite/due.ts";
import type { Store } from "../../../src/store/store.ts";
import fc from "../../support/properties.ts";
import { ingest, putBackFor, settle, turn } from "../../support/store-actions.ts";
import { counts } from "../bench.ts";
import { inspect, prepareSqlite, type SqliteBench } from "./bench.ts";

const TOPICS = ["june", "july", "may"];
const topic = fc.constantFrom(...TOPICS);

/** What is done to the job, one after another. Times are in ms from now. */
const action = fc.oneof(
  fc.record({
    kind: fc.constant("list" as const),
    topic,
    size: fc.nat(4),
    at: fc.constantFrom(0, -9_000, -500, 500, 9_000),
  }),
  fc.record({
    kind: fc.constant("post" as const),
    topic,
    priority: fc.integer({ min: 1, max: 10 }),
    at: fc.constantFrom(0, -500, 500),
  }),
  fc.record({
    kind: fc.constant("expiring" as const),
    topic,
    inMs: fc.constantFrom(200, 900, 20_000),
    at: fc.constantFrom(0, 500),
  }),
  fc.record({ kind: fc.constant("put back" as const), forMs: fc.constantFrom(1, 700, 5_000) }),
  fc.record({ kind: fc.constantFrom("cancel" as const, "retry" as const, "pause" as const, "claim" as const), topic }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(100, 600) }),
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

let people = 0;
const somebody = (): string => `p${people++}@x.example`;

async function act(store: Store, { clock }: SqliteBench, each: Action): Promise<void> {
  const at = "at" in each && each.at !== 0 ? clock.now() + each.at : 0;
  if (each.kind === "list") await ingest(store, Array.from({ length: each.size }, somebody), { topic: each.topic, at });
  else if (each.kind === "post")
    await counts(store, [somebody()], { topic: each.topic, priority: each.priority, notBefore: at });
  else if (each.kind === "expiring")
    await counts(store, [somebody()], { topic: each.topic, notBefore: at, expiresAt: clock.now() + each.inMs });
  else if (each.kind === "put back") {
    const { claims } = await turn(store, 2);
    await settle(store, ...claims.map((claim) => putBackFor(claim, each.forMs)));
  } else if (each.kind === "wait") clock.pass(each.ms);
  else if (each.kind === "claim")
    await turn(store, 1, { scope: { topic: each.topic, endpoint: "ses", maxLateMs: null } });
  else if (each.kind === "cancel") await store.cancel(each.topic);
  else if (each.kind === "retry") await store.retry(each.topic, ["cancelled"]);
  else await store.pause(each.topic, 300);
}

/** Counts every pending message by itself. */
function plainly(path: string, scope: Scope, now: Now): { due: number; late: number } {
  const rows = inspect(path, (db) =>
    db
      .prepare<[{ now: number; topic: string | null }], number>(
        `select m.not_before from message m join topic t on t.id = m.topic_id
         where m.state = 'pending' and (m.expires_at is null or m.expires_at > @now) and (@topic is null or t.name = @topic)
           and t.cancelled_at is null and not (t.paused_at is not null and t.paused_until > @now)`,
      )
      .pluck()
      .all({ now: now.wall, topic: scope.topic }),
  );
  const within = (spans: [number, number][]) =>
    rows.filter((notBefore) => spans.some(([from, to]) => notBefore >= from && notBefore <= to)).length;
  return { due: within(dueSpans(scope.maxLateMs, now)), late: within(lateSpans(scope.maxLateMs, now)) };
}

it("of any history, in every scope", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 3, maxLength: 25 }),
      fc.constantFrom(0, 1, 3, 1_000),
      async (actions, few) => {
        const bench = await prepareSqlite();
        const store = await bench.open();
        for (const name of TOPICS) await ingest(store, [somebody()], { topic: name });
        // Some are refused, by a topic that is cancelled.
        for (const each of actions) await act(store, bench, each).catch(() => undefined);
        const now = { wall: bench.clock.now(), steady: bench.clock.now() };
        for (const name of [null, ...TOPICS, "nobody's"])
          for (const maxLateMs of [null, 400, 5_000]) {
            const scope: Scope = { topic: name, endpoint: "ses", maxLateMs };
            const expected = plainly(bench.path, scope, now);
            expect(inspect(bench.path, (db) => createDue(db, few).outlook(scope, now))).toMatchObject(expected);
            expect(await store.outlook(scope)).toMatchObject(expected);
          }
        await bench.dispose();
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
