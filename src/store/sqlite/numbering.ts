import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";

/**
 * Hands out message ids, within one transaction at a time. What walks a topic walks the id ranges in `ingest`: as long as
 * messages of one topic follow each other, one range grows, so that a million requests do not make a million ranges.
 */
export interface Numbering {
  begin(): void;
  /** The id that `use` will give. */
  next(): number;
  use(topicId: number): { id: number; ingestId: number };
  /** Writes how far the last range goes. */
  flush(): void;
}

/** Reads the highest id that was given, or must not be given. */
export function lastId(db: Connection): () => number {
  const last = db
    .prepare<[], number>("select max(ids_after, ifnull((select max(id) from message), 0)) from job")
    .pluck();
  return () => last.get() ?? 0;
}

/** No recipients file has this, for a file has at least one column. */
const COLUMNS = "[]";

export function createNumbering(db: Connection, clock: Clock): Numbering {
  const readLast = lastId(db);
  const newest = db.prepare<[string], { id: number; topic_id: number; last_id: number }>(
    "select id, topic_id, last_id from ingest where id = (select max(id) from ingest) and file = 'api' and columns = ?",
  );
  const open = db.prepare<[number, string, number, number, number]>(
    "insert into ingest (topic_id, file, columns, first_id, last_id, created_at) values (?, 'api', ?, ?, ?, ?)",
  );
  const extend = db.prepare<[number, number]>("update ingest set last_id = ? where id = ?");
  let last = 0;
  let range: { id: number; topicId: number; writtenTo: number } | null = null;

  const flush = () => {
    if (range && range.writtenTo < last) extend.run(last, range.id);
  };
  return {
    begin() {
      last = readLast();
      const found = newest.get(COLUMNS);
      range = found?.last_id === last ? { id: found.id, topicId: found.topic_id, writtenTo: last } : null;
    },
    next: () => last + 1,
    use(topicId) {
      if (range?.topicId !== topicId) {
        flush();
        const first = last + 1;
        const id = Number(open.run(topicId, COLUMNS, first, first, clock.now()).lastInsertRowid);
        range = { id, topicId, writtenTo: first };
      }
      return { id: ++last, ingestId: range.id };
    },
    flush,
  };
}
