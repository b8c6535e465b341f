/** Makes the schema, and brings it up to date. */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { UserError } from "../../errors.ts";
import { briefly, QUESTION_MS } from "./answers.ts";
import { lockKey } from "./locks.ts";
import { qualified } from "./names.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** A database and the schema in it. */
export interface Where {
  client: pg.Client;
  schema: string;
  /** How the database is displayed. */
  name: string;
}

/** What the one row of table `job` says. */
interface JobRow {
  id: string;
  /** What the tables are. */
  schema_version: number;
  /** The oldest version of the schema that a program must know to work on it. */
  oldest_program: number;
}

/** True when a job of ours is in the schema. @throws UserError when the tables there are another program's, or half made. */
export async function hasJob(where: Where): Promise<boolean> {
  return (await lookUp(where)) !== null;
}

/**
 * Brings the schema up to date and returns the name of the job in it. Makes the schema when there is none; `onCreate` runs in the
 * same transaction then. Safe when several processes begin at once.
 * @throws UserError when the schema is another program's, half made, or newer than this program.
 */
export async function migrate(where: Where, onCreate?: () => Promise<void>): Promise<string> {
  const found = await lookUp(where);
  if (found !== null) check(found, where.name);
  if (found !== null && found.schema_version >= SCHEMA_VERSION) return found.id;
  return transaction(where, async () => {
    // Another process may have made it while we waited for the lock.
    const row = (await lookUp(where)) ?? (await create(where));
    check(row, where.name);
    for (const [at, { sql, breaks }] of MIGRATIONS.entries()) {
      if (at < row.schema_version) continue;
      await where.client.query(qualified(sql, where.schema).text);
      await ask(
        where,
        "update sm.job set schema_version = $1, oldest_program = case when $2 then $1 else oldest_program end",
        [at + 1, breaks],
      );
    }
    if (row.schema_version === 0) await onCreate?.();
    return row.id;
  });
}

async function transaction<T>(where: Where, work: () => Promise<T>): Promise<T> {
  const { client, schema } = where;
  await briefly(
    client,
    "begin isolation level read committed; set local statement_timeout = 0; set local lock_timeout = '60s'",
  );
  try {
    await client.query("select pg_advisory_xact_lock($1::bigint)", [lockKey(schema, "schema")]);
    const result = await work();
    await briefly(client, "commit");
    return result;
  } catch (error) {
    await briefly(client, "rollback").catch(() => undefined);
    throw error;
  }
}

async function create(where: Where): Promise<JobRow> {
  const { client, schema } = where;
  // Asked for first, because "create schema if not exists" needs the right to create one also when it exists.
  const [{ exists } = { exists: false }] = await ask<{ exists: boolean }>(
    where,
    "select exists (select 1 from pg_namespace where nspname = $1) as exists",
    [schema],
  );
  if (!exists) await client.query(`create schema "${schema}"`);
  await ask(
    where,
    `create table sm.job (
      one boolean primary key default true check (one),
      id text not null,
      schema_version int not null,
      oldest_program int not null,
      -- Handed out in blocks, so that the messages of one list stay together.
      next_message_id bigint not null default 1,
      created_at bigint not null,
      -- Where the job goes on after it was copied, since when, and of what this is a copy that cannot be used (../moved.ts).
      moved_to text,
      moved_at bigint,
      copy_of text,
      copy_id text,
      -- How far the copy is (../archive.ts).
      copy_state text
    )`,
  );
  const [row] = await ask<JobRow>(
    where,
    `insert into sm.job (id, schema_version, oldest_program, created_at)
     values ($1, 0, 0, (extract(epoch from clock_timestamp()) * 1000)::bigint)
     returning id, schema_version, oldest_program`,
    // Hex, because SES tags allow letters, digits, - and _ only.
    [randomBytes(8).toString("hex")],
  );
  if (row === undefined) throw new Error("the job was not made");
  return row;
}

/** The row of the job; null: the schema is not there, or empty. */
async function lookUp(where: Where): Promise<JobRow | null> {
  const { schema, name } = where;
  const tables = await ask<{ name: string }>(
    where,
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1`,
    [schema],
  );
  if (tables.length === 0) return null;
  const ours = tables.some((table) => table.name === "job") && (await isOurs(where));
  if (!ours) {
    throw new UserError(
      `the schema ${schema} of the database ${name} has tables of another program (${tables[0]?.name ?? ""})`,
      "choose another schema with SES_MAIL_DB_SCHEMA",
    );
  }
  const [row] = await ask<JobRow>(where, "select id, schema_version, oldest_program from sm.job");
  const [missing] = tablesUpTo(row?.schema_version ?? 0).filter((each) => !tables.some(({ name }) => name === each));
  if (row !== undefined && row.schema_version > 0 && missing === undefined) return row;
  throw new UserError(
    `the schema ${schema} of the database ${name} is only half there: somebody removed a part of it${missing === undefined ? "" : ` (${missing})`}`,
    "restore it from a backup, or remove it and begin anew: drop schema … cascade",
  );
}

/** The tables that a schema of this version has, as far as we know them. No migration removes one without `breaks`. */
function tablesUpTo(version: number): string[] {
  const made = MIGRATIONS.slice(0, version).map(({ sql }) => [...sql.matchAll(/\btable sm\.(\w+) \(/g)]);
  return made.flat().map(([, name = ""]) => name);
}

async function isOurs(where: Where): Promise<boolean> {
  const [row] = await ask<{ columns: number }>(
    where,
    // Not information_schema, which hides what a role has no right to, so that it would look like another program's.
    `select count(*)::int as columns from pg_attribute a join pg_class c on c.oid = a.attrelid
       join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = 'job' and not a.attisdropped
       and a.attname in ('one', 'id', 'schema_version', 'oldest_program', 'next_message_id')`,
    [where.schema],
  );
  return row?.columns === 5;
}

function check({ schema_version, oldest_program }: JobRow, name: string): void {
  if (oldest_program <= SCHEMA_VERSION) return;
  throw new UserError(
    `the database ${name} was written by a newer ses-mail (schema ${schema_version}, this program knows ${SCHEMA_VERSION})`,
    "update ses-mail, or choose another database with --db",
  );
}

/** pg has no type for it. */
const LONG: object = { query_timeout: QUESTION_MS };

async function ask<Row>({ client, schema }: Where, sql: string, values: unknown[] = []): Promise<Row[]> {
  const { rows } = await client.query({ text: qualified(sql, schema).text, values, ...LONG });
  return rows as Row[];
}
