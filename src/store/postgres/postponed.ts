/** Makes indexes after the rows instead of with them, which is much faster for many rows. */
import type { Tx } from "./transaction.ts";
import type { Where } from "./migrate.ts";
import { qualified } from "./names.ts";

/** Drops the indexes that no key needs, and writes down how they are made. To be called in the transaction that makes the schema. */
export async function postponeIndexes({ client, schema }: Where): Promise<void> {
  const run = (sql: string) => client.query(qualified(sql, schema).text);
  await run("create table sm.postponed (name text primary key, definition text not null)");
  const { rows } = await client.query<{ name: string }>(
    `insert into "${schema}".postponed
     select c.relname, pg_get_indexdef(c.oid) from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace = $1::text::regnamespace and not i.indisunique
     returning name`,
    [schema],
  );
  for (const { name } of rows) await run(`drop index sm."${name}"`);
}

/** Makes them again. */
export async function restoreIndexes(tx: Tx): Promise<void> {
  const found = await tx.query<{ definition: string }>("select definition from sm.postponed order by name");
  for (const { definition } of found) await tx.run(definition);
  await tx.run("drop table sm.postponed");
}
