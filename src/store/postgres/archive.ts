/** The job of a database as one side of a copy. */
import { StoppedError, UserError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import {
  type Archive,
  difference,
  type Figures,
  type Key,
  type Kind,
  type Origin,
  PAGE_BYTES,
  PAGE_ROWS,
  type Row,
  type TableFacts,
  TABLES,
  type Value,
} from "../archive.ts";
import { NOBODY } from "../rules/handed.ts";
import { atTheEdge } from "../edge.ts";
import { pasteable } from "../address.ts";
import { type Marks, withSchema } from "../moved.ts";
import type { OpenOptions } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type TransactionOptions, type Tx } from "./transaction.ts";
import { digestOf as digestOfKey } from "../kept-event.ts";
import { DEFAULT_SCHEMA, MARKS } from "./marks.ts";
import { hasJob, migrate, type Where } from "./migrate.ts";
import { postponeIndexes, restoreIndexes } from "./postponed.ts";
import { watchCopied } from "./reports.ts";
import { storable } from "./storable.ts";
import { first, jobOf, openStore, type PostgresOptions } from "./store.ts";
import { explain } from "./trouble.ts";

type Ask = Tx["query"];

/** Makes one side of a copy of the job in a database, which need not be there. Nothing is asked or made yet. */
export function openArchive(address: string, clock: Clock, options: OpenOptions & PostgresOptions): Archive {
  const job = jobOf(address, clock, options);
  const ask: Ask = (sql, values) => read(job, sql, values);
  const write = <T>(work: (tx: Tx) => Promise<T>, more: TransactionOptions<T> = {}): Promise<T> =>
    transaction(job, work, { ...more, evenWhenMoved: true });
  let isOpen = false;
  const atFirst = async <T>(work: (where: Where) => Promise<T>): Promise<T> => {
    const result = await first(job, options, work);
    isOpen = true;
    return result;
  };

  const archive: Archive = {
    location: withSchema(pasteable(address), job.schema === DEFAULT_SCHEMA ? null : job.schema),

    async look() {
      // A program that is older than the schema is told so here.
      const isThere = await atFirst(async (where) => (await hasJob(where)) && (await migrate(where)) !== "");
      // Where nothing is, the place is opened when the job is made there. Until then nothing is changed.
      isOpen = isThere;
      if (!isThere) return null;
      const [row] = await ask<Marks & { jobId: string }>(`select id as "jobId", ${MARKS} from sm.job`);
      return row ?? null;
    },

    async moveTo(location, copyId) {
      // It puts in doubt what dead processes left.
      await (await openStore(address, clock, options)).close();
      await write(async (tx) => {
        await refuseWhenAtWork(tx, job.name);
        await tx.run("update sm.job set moved_to = $1, moved_at = null, copy_of = null, copy_id = $2", [
          location,
          copyId,
        ]);
      });
    },

    moved: (copyId) =>
      write(async (tx) => {
        const sql = "update sm.job set moved_at = coalesce(moved_at, $2) where copy_id = $1 and moved_to is not null";
        return (await tx.run(sql, [copyId, tx.now.wall])) > 0;
      }),

    comeBack: (copyId) =>
      write(async (tx) => {
        await tx.run("update sm.job set moved_to = null, moved_at = null, copy_id = null where copy_id = $1", [copyId]);
      }),

    origin: () => originOf(ask),
    figures: () => figuresOf(ask),
    rows: (table, after) => readPage(ask, table, after),

    async create(origin, copy) {
      await atFirst(async (where) => {
        await migrate(where, async () => {
          const { id, createdAt, lastId } = origin;
          const values = [id, createdAt, lastId + 1, copy.from, copy.id];
          const sql = "set id = $1, created_at = $2, next_message_id = $3, copy_of = $4, copy_id = $5";
          await where.client.query(`update "${job.schema}".job ${sql}`, values);
          await postponeIndexes(where);
        });
      });
      const [made] = await ask<Marks>(`select ${MARKS} from sm.job`);
      if (made?.copyId !== copy.id) throw new UserError(`the job in ${job.name} was made by another program just now`);
    },

    state: async () =>
      (await ask<{ state: string | null }>("select copy_state as state from sm.job"))[0]?.state ?? null,

    add: (table, rows, { copyId, was, next }) =>
      write(async (tx) => {
        const move = "update sm.job set copy_state = $1 where copy_state is not distinct from $2";
        const [, moved] = await Promise.all([expectUnfinished(tx, job, copyId), tx.run(move, [next, was])]);
        if (moved === 0) throw beside(job);
        await insertAll(tx, table, rows);
      }),

    finish: ({ lastId }, copyId) =>
      write(
        async (tx) => {
          await expectUnfinished(tx, job, copyId);
          await restoreIndexes(tx);
          await goOnBehind(tx, lastId);
          await watchCopied(tx);
          await tx.run("update sm.job set copy_of = null, copy_state = null");
        },
        { statementMs: 0 },
      ),

    withdraw: (copy, expected) =>
      write(
        async (tx) => {
          const differs = expected === null ? null : difference(expected, await figuresOf(tx.query));
          const sql = "update sm.job set copy_of = $1, copy_id = null where copy_id = $2";
          if (differs === null) await tx.run(sql, [copy.from, copy.id]);
          return differs;
        },
        { statementMs: 0 },
      ),

    close: () => job.pool.close(),
  };
  return atTheEdge(archive, (error) => explain(error, job.name, isOpen ? "work" : "open"));
}

async function refuseWhenAtWork({ query }: Tx, name: string): Promise<void> {
  const [marks] = await query<Marks>(`select ${MARKS} from sm.job`);
  if (marks === undefined || marks.movedTo !== null || marks.copyOf !== null)
    throw new UserError(`${name} is part of another copy`, "run the same command again");
  const working = await query<{ name: string }>(
    `select distinct 'process ' || pid || ' on ' || host as name from sm.handle
     where lost_at is null and (lease_until is not null or id in (select claimed_by from sm.message where claimed_by is not null))
     order by 1`,
  );
  if (working.length > 0) throw atWork(name, working);
  // What is left of it is pending, in a topic that nobody would send.
  const [cancelling] = await query<{ topic: string }>(
    "select name as topic from sm.topic where cancelling_at is not null limit 1",
  );
  if (cancelling !== undefined)
    throw new UserError(
      `topic ${cancelling.topic} of ${name} is being cancelled`,
      "run the same command again in a minute",
    );
  const [moving] = await query<{ topic: string }>(
    "select name as topic from sm.topic where moving_at is not null limit 1",
  );
  if (moving !== undefined)
    throw new UserError(
      `topic ${moving.topic} of ${name} is being given another time or content`,
      "run the same command again in a minute",
    );
  // What was handed over to a broker goes on there, whichever place the job is in.
  const [flying] = await query<{ count: number }>(
    `select count(*)::int8 as count from sm.message where claimed_by is not null and claimed_by <> ${NOBODY}`,
  );
  if (flying?.count !== 0)
    throw new UserError(`${name} has ${flying?.count} messages in flight`, "run the same command again in a minute");
}

function atWork(name: string, working: readonly { name: string }[]): UserError {
  const named = working
    .slice(0, 5)
    .map((each) => each.name)
    .join(", ");
  const others = working.length > 5 ? `, and ${working.length - 5} more` : "";
  return new UserError(
    `${named}${others} ${working.length === 1 ? "is" : "are"} at work on ${name}, and would send what the copy sends`,
    "stop it first, and what starts it: cron, systemd",
  );
}

async function expectUnfinished({ query }: Tx, job: Job, copyId: string): Promise<void> {
  const [marks] = await query<Marks>(`select ${MARKS} from sm.job`);
  if (marks !== undefined && marks.copyOf !== null && marks.copyId === copyId) return;
  throw new StoppedError(
    `the copy ${job.name} was taken back, or another process has finished it`,
    "nothing more is written to it",
  );
}

const beside = (job: Job) => new StoppedError(`another process is copying to ${job.name}, too`, "let it finish");

async function originOf(ask: Ask): Promise<Origin> {
  const [origin] = await ask<Origin>(
    `select id, created_at as "createdAt",
       greatest(next_message_id - 1, (select coalesce(max(id), 0) from sm.message)) as "lastId" from sm.job`,
  );
  if (origin === undefined) throw new Error("the job has no row");
  return origin;
}

async function figuresOf(ask: Ask): Promise<Figures> {
  const tables: Record<string, number> = {};
  for (const { name } of TABLES) {
    const [row] = await ask<{ count: number }>(`select count(*)::int8 as count from sm.${name}`);
    tables[name] = row?.count ?? 0;
  }
  const states = await ask<{ key: string; count: number }>(
    `select topic_id || ' ' || state as key, count(*)::int8 as count from sm.message group by topic_id, state
     union all select topic_id || ' removed-' || state, messages from sm.removed`,
  );
  return { tables, states: Object.fromEntries(states.map(({ key, count }) => [key, count])) };
}

const TYPES: Readonly<Record<Kind, string>> = { int: "bigint", text: "text", bool: "boolean", bytes: "bytea" };

/** The table and its counters, as one. */
const sourceOf = ({ name, counters }: TableFacts): string =>
  counters === undefined ? `sm.${name}` : `sm.${name} join sm.${name}_count on ${name}_id = id`;

async function readPage(ask: Ask, table: TableFacts, after: Key | null): Promise<Row[]> {
  const { key, bulky } = table;
  const columns = Object.keys(table.columns);
  const behind = after === null ? "" : `where (${key.join(", ")}) > (${placeholders(table)})`;
  const order = key.join(", ");
  const from = `from ${sourceOf(table)} ${behind} order by ${order} limit ${PAGE_ROWS}`;
  const sql =
    bulky === undefined
      ? `select ${columns.join(", ")} ${from}`
      : `select ${columns.join(", ")} from (
           select *, sum(octet_length(${bulky})) over (order by ${order}) - octet_length(${bulky}) as before ${from}
         ) page where before < ${PAGE_BYTES} order by ${order}`;
  const found = await ask<Record<string, Value>>(
    sql,
    table.digested === undefined ? (after ?? []) : (after ?? []).map(digestOf),
  );
  return found.map((row) =>
    columns.map((column) => (column === table.digested ? wholeOf(row) : (row[column] ?? null))),
  );
}

/** Of an event whose message is not known, the key is kept as a digest, and whole in the event. */
const digestOf = (key: Value): string => digestOfKey({ key: String(key) });
const wholeOf = ({ body }: Record<string, Value>): string => (JSON.parse(String(body)) as { key: string }).key;

/** `$1::text, $2::bigint`: a value of the key's columns each. */
function placeholders({ key, columns }: TableFacts): string {
  return key.map((column, at) => `$${at + 1}::${TYPES[columns[column] ?? "int"]}`).join(", ");
}

async function insertAll(tx: Tx, table: TableFacts, rows: readonly Row[]): Promise<void> {
  const counters = table.counters ?? [];
  const names = Object.keys(table.columns);
  const own = names.filter((name) => !counters.includes(name));
  const insert = (into: string, columns: readonly string[], as: readonly string[]) => {
    const kinds = columns.map((name) => table.columns[name] ?? "int");
    const arrays = kinds.map((kind, at) => `$${at + 1}::${TYPES[kind]}[]`).join(", ");
    const values = columns.map((name, at) => {
      const place = names.indexOf(name);
      // The digest is that of the text as it came, and a text column gives that back only of sound characters.
      return name === table.digested
        ? rows.map((row) => digestOf(wholeOf({ body: row[names.indexOf("body")] ?? null })))
        : columnOf(rows, place, kinds[at] ?? "int");
    });
    return tx.run(
      `insert into sm.${into} (${as.join(", ")}) overriding system value select * from unnest(${arrays})`,
      values,
    );
  };
  const writes = [insert(table.name, own, own)];
  if (counters.length > 0)
    writes.push(insert(`${table.name}_count`, ["id", ...counters], [`${table.name}_id`, ...counters]));
  await Promise.all(writes);
}

/** One column of the rows. */
function columnOf(rows: readonly Row[], at: number, kind: Kind): Value[] {
  if (kind !== "text") return rows.map((row) => row[at] ?? null);
  return rows.map((row) => {
    const value = row[at] ?? null;
    return typeof value === "string" ? storable(value) : value;
  });
}

/** What gives out ids goes on above those that were copied; and the planner learns what there is. */
async function goOnBehind(tx: Tx, lastId: number): Promise<void> {
  await tx.run("update sm.job set next_message_id = greatest(next_message_id, $1::bigint + 1)", [lastId]);
  for (const { name, givesIds } of TABLES) {
    if (givesIds === true)
      await tx.query(
        `select setval(pg_get_serial_sequence('sm.${name}', 'id'), coalesce(max(id), 1), max(id) is not null) from sm.${name}`,
      );
    await tx.run(`analyze sm.${name}`);
  }
}
