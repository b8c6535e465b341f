/** A job as the program keeps it in this run of the tests: a job file, or the schema on the shared server that stands for it. */
import { existsSync } from "node:fs";
import { Database } from "../../src/store/sqlite/driver.ts";
import { openStore as openFile } from "../../src/store/sqlite/store.ts";
import type { Opened } from "../../src/store/store.ts";
import type { Clock } from "../../src/time/clock.ts";
import { jobServer, schemaOf } from "./place.ts";
import type { Row } from "./postgres.ts";
import { onServer } from "./shared-postgres.ts";

/** Opens the job that `run` uses for `--db <file>`; `file` is an absolute path. */
export async function openJob(file: string, clock: Clock): Promise<Opened> {
  const server = jobServer();
  if (server === null) return openFile(file, clock);
  const { openStore } = await import("../../src/store/postgres/store.ts");
  return openStore(server, clock, { schema: schemaOf(file) });
}

/** True when the job that `run` uses for `--db <file>` was made. */
export async function jobExists(file: string): Promise<boolean> {
  if (jobServer() === null) return existsSync(file);
  return (await onServer("select from pg_namespace where nspname = $1", [schemaOf(file)])).length > 0;
}

/**
 * Looks into a job, or changes it, beneath the store: for what only older versions and accidents do. Tables are written
 * `sm.message`, and a topic's counters stand in `sm.topic_count`; the rest has to be SQL that both databases understand.
 * Several statements may be given when nothing is read.
 */
export async function inJob(file: string, sql: string): Promise<Row[]> {
  if (jobServer() !== null) return onServer(sql.replace(/\bsm\./g, `"${schemaOf(file)}".`));
  const db = new Database(file);
  try {
    const statement = sql.replace(/\bsm\.topic_count\b/g, "topic").replace(/\bsm\./g, "");
    return /^\s*select\b/i.test(statement) ? db.prepare(statement).all() : (db.exec(statement), []);
  } finally {
    db.close();
  }
}
