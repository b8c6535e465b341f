/** Gives messages their ids. */
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";

/**
 * Gives out message ids, in one transaction at a time, and keeps the id ranges of topics in `ingest`. While messages of one topic
 * follow each other, one range grows, so a million requests in a row do not make a million ranges.
 */
export interface Numbering {
  /** To be called first in each transaction, because other processes give ids, too. */
  begin(): void;
  /** The id that `use` will give next. */
  next(): number;
  /** Gives the next id to a message of the topic, with the id of its range. */
  use(topicId: number): { id: number; ingestId: number };
  /** Writes the end of the last range. To be called last in each transaction. */
  flush(): void;
}

/** Makes a function that reads the highest id that is taken, or that must not be given. */
export function createLastIdReader(db: Connection): () => number {
  const last = db
    .prepare<[], number>("select max(ids_after, ifnull((select max(id) from message), 0)) from job")
    .pluck();
  return () => last.get() ?? 0;
}

/** The columns of requests. A recipients file never has these, because it has at least one column. */
const COLUMNS = "[]";

/** Makes the numbering of requests for one connection. */
export function createNumbering(db: Connection, clock: Clock): Numbering {
  const readLast = createLastIdReader(db);
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
