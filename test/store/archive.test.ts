/** What is copied from one store to another is everything that they keep. */
import { describe, expect, it } from "vitest";
import { difference, type Figures, TABLES } from "../../src/store/archive.ts";
import { jobOf, first } from "../../src/store/postgres/store.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { systemClock } from "../../src/time/clock.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "../support/shared-postgres.ts";
import { prepareOnDisk, rows } from "./sqlite/bench.ts";

/** Tables and columns that belong to the place and not to the job. */
const LEFT_OUT = {
  sqlite: ["pace", "process", "arriving", "leaving", "tally", "sqlite_sequence", "job"],
  postgres: ["pace", "handle", "staging", "job"],
};
const OF_JOB = ["id", "created_at", "moved_to", "moved_at", "copy_of", "copy_id", "copy_state"];
/** Ids, the clock of the machine, and versions. */
const OF_ONE_JOB = {
  sqlite: [...OF_JOB, "ids_after", "clock_boot", "clock_shift", "clock_at"],
  postgres: [...OF_JOB, "next_message_id", "one", "schema_version", "oldest_program"],
};

type Column = { table: string; column: string; key: boolean };

function columnsOf(found: readonly Column[]): Record<string, { columns: string[]; key: string[] }> {
  const tables: Record<string, { columns: string[]; key: string[] }> = {};
  for (const { table, column, key } of found) {
    const known = (tables[table] ??= { columns: [], key: [] });
    known.columns.push(column);
    if (key) known.key.push(column);
  }
  // Set only while a topic is being cancelled or given another time, and a job is not copied then.
  const { columns = [] } = tables["topic"] ?? {};
  for (const column of ["cancelling_at", "moving_at", "moving_to"])
    expect(columns.splice(columns.indexOf(column), 1)).toEqual([column]);
  for (const known of Object.values(tables)) known.columns.sort();
  return tables;
}

const FACTS = Object.fromEntries(
  TABLES.map(({ name, columns, key }) => [name, { columns: Object.keys(columns).toSorted(), key: [...key] }]),
);

describe("every table and column is copied, or left out for a reason:", () => {
  it("those of a job file", async () => {
    const { open, path } = await prepareOnDisk();
    await open();
    const found = rows(
      path,
      `select t.name as "table", c.name as "column", c.pk > 0 as key from sqlite_schema t, pragma_table_info(t.name) c
       where t.type = 'table' order by t.name, c.pk`,
    ) as Column[];
    const { job, ...tables } = columnsOf(
      found.filter(({ table }) => table === "job" || !LEFT_OUT.sqlite.includes(table)),
    );
    expect(job?.columns).toEqual(OF_ONE_JOB.sqlite.toSorted());
    expect(tables).toEqual(FACTS);
  });

  it("those of a database", async () => {
    const schema = newSchema();
    const { url } = await sharedServer();
    const job = jobOf(url, systemClock, { schema });
    try {
      await first(job, {}, (where) => migrate(where));
      const found = (await onServer(
        `select c.relname as "table", a.attname as "column", coalesce(a.attnum = any (i.indkey), false) as key
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         left join pg_index i on i.indrelid = c.oid and i.indisprimary
         where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p')
         order by c.relname, array_position(i.indkey::int2[], a.attnum), a.attnum`,
        [schema],
      )) as unknown as Column[];
      const {
        job: ofJob,
        topic_count: counters,
        ...tables
      } = columnsOf(found.filter(({ table }) => table === "job" || !LEFT_OUT.postgres.includes(table)));
      expect(ofJob?.columns).toEqual(OF_ONE_JOB.postgres.toSorted());
      const own = counters?.columns.filter((name) => name !== "topic_id") ?? [];
      tables["topic"]?.columns.push(...own);
      tables["topic"]?.columns.sort();
      expect(tables).toEqual(FACTS);
      expect(own.toSorted()).toEqual(TABLES.find(({ name }) => name === "topic")?.counters?.toSorted());
    } finally {
      await job.pool.close();
      await dropSchema(schema);
    }
  });
});

it("a difference of a single row is named", () => {
  const figures = (change: Partial<Figures> = {}): Figures => ({
    tables: { message: 2, event: 1 },
    states: { "1 sent": 1, "1 pending": 1 },
    ...change,
  });
  expect(difference(figures(), figures())).toBeNull();
  expect(difference(figures(), figures({ tables: { message: 2, event: 2 } }))).toContain("event");
  expect(difference(figures(), figures({ tables: { message: 2 } }))).toContain("event");
  expect(difference(figures(), figures({ states: { "1 sent": 2 } }))).toContain("topic 1");
  expect(difference(figures(), figures({ states: { "1 sent": 1, "1 failed": 1 } }))).toContain("pending");
});
