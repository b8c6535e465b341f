/** Keeps the rows of a list before they are added, in a temporary database, so that memory does not grow with the list. */
import type { Connection } from "./connection.ts";
import { explain } from "./trouble.ts";
import type { StagedRow } from "../rows.ts";

/** How many rows one statement inserts. */
const CHUNK = 50;

/** The values of a row, in full and as most rows have them: in lower case, due at once. To bind a value takes longer than to insert it. */
const ANY = "(?, ?, ?, ?)";
const USUAL = "(?, null, ?, 0)";

/** The rows in table `staged.row`. */
export interface StagedRows {
  /** How many there are, also after `discard`. Their ids are 1, 2, … in the order they were added. */
  readonly count: number;
  /** Adds rows. Throws StoppedError when the temporary folder is full. */
  add(rows: readonly StagedRow[]): void;
  /** Makes the index `staged.by_address`. May be called again. Throws StoppedError when the temporary folder is full. */
  sort(): void;
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
  const insertUsual = db.prepare(insertSql(USUAL, CHUNK));
  const insertChunk = db.prepare(insertSql(ANY, CHUNK));
  const insertOne = db.prepare(insertSql(ANY, 1));
  let count = 0;
  let isOpen = true;

  const insert = (rows: readonly StagedRow[]): void => {
    let from = 0;
    for (; from + CHUNK <= rows.length; from += CHUNK) {
      const usual = usualParameters(rows, from);
      if (usual === null) insertChunk.run(parameters(rows, from, CHUNK));
      else insertUsual.run(usual);
    }
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
    sort() {
      try {
        // Sorted once, and faster than each statement that needs them in order would sort them.
        db.exec("create index if not exists staged.by_address on row (address)");
      } catch (error) {
        throw explain(error, "the temporary folder");
      }
    },
    discard() {
      if (isOpen) db.exec("detach staged");
      isOpen = false;
    },
  };
}

function insertSql(values: string, count: number): string {
  return `insert into staged.row (address, email, fields, not_before) values ${Array(count).fill(values).join(", ")}`;
}

/** The parameters of a chunk of `USUAL` rows; null: one of them is another. */
function usualParameters(rows: readonly StagedRow[], from: number): string[] | null {
  const values: string[] = [];
  for (let i = from; i < from + CHUNK; i++) {
    const row = rows[i];
    if (!row || row.notBefore !== 0 || row.email !== row.email.toLowerCase()) return null;
    values.push(row.email, row.fields);
  }
  return values;
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
