/** What this store writes in SQL of the rules that all stores share. */
import { expect, it } from "vitest";
import { SCHEDULED, UNSCHEDULED, waitUntil } from "../../../src/store/rules/due.ts";
import { EVENT_COUNTERS, MARKS } from "../../../src/store/rules/event-counters.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { MIGRATIONS } from "../../../src/store/sqlite/schema.ts";
import { waitUntilSql } from "../../../src/store/sqlite/waiting.ts";
import fc from "../../support/properties.ts";

const NOW = Date.UTC(2026, 9, 1);
/** Instants from the year 1970 to 2100, most of them near NOW. */
const instant = fc.oneof(fc.integer({ min: NOW - 5_000, max: NOW + 5_000 }), fc.integer({ min: 1, max: 4.1e12 }));
const notBefore = fc.oneof(
  fc.constant(0),
  instant,
  instant.map((at) => at - UNSCHEDULED),
  instant.map((at) => at - SCHEDULED),
);

it("the statement that makes a message wait says what the rule says", () => {
  const db = new Database(":memory:");
  const ask = db
    .prepare<[{ notBefore: number; until: number }], number>(
      `select ${waitUntilSql("@until")} from (select @notBefore as not_before)`,
    )
    .pluck();
  fc.assert(
    fc.property(notBefore, instant, (value, until) => {
      expect(ask.get({ notBefore: value, until })).toBe(waitUntil(value, until));
    }),
  );
  db.close();
});

it("every mark and counter has its column", () => {
  const db = new Database(":memory:");
  for (const migration of MIGRATIONS) db.exec(migration);
  const columns = (table: string) =>
    db.prepare<[], string>(`select name from pragma_table_info('${table}')`).pluck().all();
  expect(columns("topic")).toEqual(expect.arrayContaining([...EVENT_COUNTERS]));
  expect(columns("feedback")).toEqual(expect.arrayContaining([...MARKS]));
  db.close();
});
