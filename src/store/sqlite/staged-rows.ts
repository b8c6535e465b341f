/** Keeps the rows of a list before they are added, in a temporary database, so that memory does not grow with the list. */
import type { Connection } from "./connection.ts";
import { explain } from "./trouble.ts";
import type { StagedRow } from "../rows.ts";

/** How many rows one statement inserts, with 4 parameters each. */
const CHUNK = 50;

/** The rows in table `staged.row`. */
export interface StagedRows {
  /** How many there are, also after `discard`. Their ids are 1, 2, … in the order they were added. */
  readonly count: number;
  /** Adds rows. Throws StoppedError when the temporary folder is full. */
  add(rows: readonly StagedRow[]): void;
  /** Drops the table. May be called again. */
  discard(): void;
}

/** Makes the table `staged.row`. The one before has to be discarded. */
export function createStagedRows(db: Connection): StagedRows {
  // A database without a name is a temporary file that is gone when the process ends, even when it is killed.
  db.exec("attach '' as staged");
  db.pragma("staged.journal_mode = off");
  db.pragma("staged.synchronous = off");
  db.pragma("staged.cache_size = -4096");
  db.exec(
    "create table staged.row (id integer primary key, address text not null, email text, fields text not null, not_before integer not null)",
  );
  const insertChunk = db.prepare(insertSql(CHUNK));
  const insertOne = db.prepare(insertSql(1));
  let count = 0;
  let isOpen = true;

  const insert = (rows: readonly StagedRow[]): void => {
    let from = 0;
    for (; from + CHUNK <= rows.length; from += CHUNK) insertChunk.run(parameters(rows, from, CHUNK));
    for (; from < rows.length; from++) insertOne.run(parameters(rows, from, 1));
  };

  return {
    get count() {
      return count;
    },
    add(rows) {
      try {
        db.exec("begin");
        insert(rows);
        db.exec("commit");
        count += rows.length;
      } catch (error) {
        if (db.inTransaction) db.exec("rollback");
        throw explain(error, "the temporary folder");
      }
    },
    discard() {
      if (isOpen) db.exec("detach staged");
      isOpen = false;
    },
  };
}

function insertSql(count: number): string {
  return `insert into staged.row (address, email, fields, not_before) values ${Array(count).fill("(?, ?, ?, ?)").join(", ")}`;
}

function parameters(rows: readonly StagedRow[], from: number, count: number): (string | number | null)[] {
  const values: (string | number | null)[] = [];
  for (let i = from; i < from + count; i++) {
    const row = rows[i];
    if (!row) continue;
    const address = row.email.toLowerCase();
    // The address as given is kept only when it differs, because most lists are in lower case.
    values.push(address, address === row.email ? null : row.email, row.fields, row.notBefore);
  }
  return values;
}
