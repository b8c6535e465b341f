/** Another content for a topic does the same to a job file at once, in parts, and as it was done before there were parts. */
import { copyFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Content, Kind } from "../../../src/message.ts";
import { STATES } from "../../../src/message.ts";
import { prioritySql } from "../../../src/store/common-sql.ts";
import { textOfMoves } from "../../../src/store/move.ts";
import type { Connection } from "../../../src/store/sqlite/driver.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { mailWith, suppressedSql } from "../../../src/store/sqlite/suppressed.ts";
import { IS_VARIANT } from "../../../src/store/sqlite/variants.ts";
import fc from "../../support/properties.ts";
import { EVERYTHING, failed, inDoubt, ingest, putBack, sent, settle, turn } from "../../support/store-actions.ts";
import { content, counts } from "../bench.ts";
import { inspect, prepareSqlite, rows, type SqliteBench } from "./bench.ts";

const EMAILS = Array.from({ length: 14 }, (_, index) => `P${index}@x.example`);
const OUTCOMES = { sent, failed, inDoubt, putBack } as const;

const facts = fc.record({
  list: fc.constantFrom(undefined, "one", "two"),
  kind: fc.constantFrom<Kind>("bulk", "transactional"),
});
const person = fc.record({
  outcome: fc.constantFrom("sent", "failed", "inDoubt", "putBack", "sending", "waits"),
  hasVariant: fc.boolean(),
  suppressed: fc.option(
    fc.record({
      list: fc.constantFrom("", "/bulk", "one", "two"),
      reason: fc.constantFrom("manual", "unsubscribe", "bounce"),
      rehearsal: fc.boolean(),
    }),
  ),
});
const case_ = fc.record({
  before: facts,
  after: facts,
  priority: fc.constantFrom(1, 5, 10),
  people: fc.array(person, { minLength: EMAILS.length, maxLength: EMAILS.length }),
});
type Case = typeof case_ extends fc.Arbitrary<infer T> ? T : never;

const contentOf = (subject: string, { list, kind }: Case["before"]): Content => ({
  ...content(subject),
  ...(list !== undefined && { list }),
  ...(kind === "transactional" && { kind }),
});

it("at once, in parts and as before there were parts: the same messages and counters", async () => {
  const tried = { suppressed: 0, priorities: 0 };
  await fc.assert(
    fc.asyncProperty(case_, async (given) => {
      const bench = await prepareSqlite();
      try {
        const [before, after] = [contentOf("before", given.before), contentOf("after", given.after)];
        await plant(bench, given, before, after);
        const [former, inParts] = [`${bench.path}.former`, `${bench.path}.parts`];
        for (const copy of [former, inParts]) await copyFile(bench.path, copy);

        const start = told(bench.path);
        const store = await bench.open();
        await ingest(store, [], { content: after, replaceContent: true });
        await store.close();
        inspect(former, formerly);
        await doInParts(bench, inParts);
        expect(told(bench.path)).toEqual(told(former));
        expect(told(inParts)).toEqual(told(former));

        const changed = told(former);
        if (changed.counters !== start.counters) tried.suppressed++;
        if (changed.priorities !== start.priorities) tried.priorities++;
      } finally {
        await bench.dispose();
      }
    }),
    { numRuns: 60 },
  );
  // The cases are worth something.
  expect(Math.min(...Object.values(tried))).toBeGreaterThan(5);
}, 120_000);

/** Topic june with the content `before`, and the content `after` in another topic. */
async function plant(bench: SqliteBench, given: Case, before: Content, after: Content): Promise<void> {
  const store = await bench.open();
  await ingest(store, EMAILS, { content: before, priority: given.priority });
  const outcomes = new Map(EMAILS.map((email, index) => [email.toLowerCase(), given.people[index]?.outcome]));
  const { claims } = await turn(store, EMAILS.length, { scope: { ...EVERYTHING, topic: "june" } });
  const settlements = claims.flatMap((claim) => {
    const outcome = outcomes.get(claim.email.toLowerCase()) ?? "waits";
    return outcome === "sending" ? [] : [outcome === "waits" ? putBack(claim) : OUTCOMES[outcome](claim)];
  });
  await settle(store, ...settlements);
  const posted = EMAILS.filter((_, index) => given.people[index]?.hasVariant);
  if (posted.length > 0) await counts(store, posted, { content: content("beside"), priority: given.priority });
  await store.suppress(
    given.people.flatMap(({ suppressed }, index) =>
      suppressed === null ? [] : [{ ...suppressed, address: EMAILS[index] ?? "", source: "manual" }],
    ),
  );
  await ingest(store, ["spare@x.example"], { topic: "spare", content: after });
  await store.close();
}

const IDS = `select (select content_id from topic where name = 'june') as before,
  (select content_id from topic where name = 'spare') as after, (select id from topic where name = 'june') as topicId`;
interface Ids {
  before: number;
  after: number;
  topicId: number;
}

/** As one transaction did it. */
function formerly(db: Connection): void {
  db.function("forgotten_address", (address) => `not ${String(address)}`);
  const { before, after, topicId } = db.prepare<[], Ids>(IDS).get() ?? { before: 0, after: 0, topicId: 0 };
  const factsOf = db.prepare<[number], { list: string | null; kind: Kind }>(
    "select list, kind from content where id = ?",
  );
  const [was, is] = [factsOf.get(before), factsOf.get(after)];
  const priority = was?.kind === is?.kind ? "" : `, priority = ${prioritySql("priority", `'${is?.kind}'`)}`;
  db.prepare(
    `update message as m set content_id = ?${priority} where topic_id = ?
     and state in ('pending', 'failed', 'cancelled', 'suppressed') and not ${IS_VARIANT}`,
  ).run(after, topicId);
  db.prepare("update topic set content_id = ? where id = ?").run(after, topicId);
  if (was?.kind === is?.kind && was?.list === is?.list) return;
  const stopped = suppressedSql("lower(m.email)", "t.endpoint", mailWith("m.content_id"));
  db.prepare(
    `update message set state = 'suppressed' where id in (
       select m.id from message m join topic t on t.id = m.topic_id where m.topic_id = ? and m.state = 'pending' and ${stopped})`,
  ).run(topicId);
  const counted = STATES.map(
    (state) => `(select count(*) from message where topic_id = @topicId and state = '${state}')`,
  );
  db.prepare(`update topic set (${STATES.join(", ")}) = (${counted.join(", ")}) where id = @topicId`).run({ topicId });
}

/** As a process does it that finishes what another one began. */
async function doInParts({ clock }: SqliteBench, path: string): Promise<void> {
  inspect(path, (db) => {
    const { before, after, topicId } = db.prepare<[], Ids>(IDS).get() ?? { before: 0, after: 0, topicId: 0 };
    const sifts =
      db
        .prepare<[number, number], 0 | 1>(
          "select a.list is not b.list or a.kind <> b.kind from content a, content b where a.id = ? and b.id = ?",
        )
        .pluck()
        .get(before, after) === 1;
    const moves = { time: null, content: { id: after, sifts, last: 1_000, begunAt: clock.now() } };
    db.prepare("update topic set content_id = ?, moving_at = 0, moving_to = ? where id = ?").run(
      after,
      textOfMoves(moves),
      topicId,
    );
  });
  const store = await openStore(path, clock);
  await store.finishOthersWork(new AbortController().signal);
  await store.close();
}

/** What the file has of the topics and messages. */
const told = (path: string) => ({
  topics: rows(path, "select * from topic order by id"),
  messages: rows(path, "select * from message order by id"),
  counters: JSON.stringify(rows(path, `select ${STATES.join(", ")} from topic`)),
  priorities: JSON.stringify(rows(path, "select priority from message order by id")),
});
