/** Gives messages their ids. */
import type { Clock } from "../../time/clock.ts";
import { fileOf, FILES_SQL } from "../via.ts";
import type { Via } from "../rows.ts";
import type { Connection } from "./connection.ts";

/**
 * Gives out message ids, in one transaction at a time, and keeps the id ranges of topics in `ingest`. While messages of one topic
 * that came the same way follow each other, one range grows, so a million requests in a row do not make a million ranges.
 */
export interface Numbering {
  /** To be called first in each transaction, because other processes give ids, too. */
  begin(): void;
  /** The id that `use` will give next. */
  next(): number;
  /** Gives the next id to a message of the topic that came this way, with the id of its range. */
  use(topicId: number, via: Via | undefined): { id: number; ingestId: number };
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
  const newest = db.prepare<[string], { id: number; topic_id: number; file: string; last_id: number }>(
    `select id, topic_id, file, last_id from ingest
     where id = (select max(id) from ingest) and file in ${FILES_SQL} and columns = ?`,
  );
  const open = db.prepare<[number, string, string, number, number, number]>(
    "insert into ingest (topic_id, file, columns, first_id, last_id, created_at) values (?, ?, ?, ?, ?, ?)",
  );
  const extend = db.prepare<[number, number]>("update ingest set last_id = ? where id = ?");
  let last = 0;
  let range: { id: number; topicId: number; file: string; writtenTo: number } | null = null;

  const flush = () => {
    if (range && range.writtenTo < last) extend.run(last, range.id);
  };
  return {
    begin() {
      last = readLast();
      const found = newest.get(COLUMNS);
      range =
        found?.last_id === last ? { id: found.id, topicId: found.topic_id, file: found.file, writtenTo: last } : null;
    },
    next: () => last + 1,
    use(topicId, via) {
      const file = fileOf(via);
      if (range?.topicId !== topicId || range.file !== file) {
        flush();
        const first = last + 1;
        const id = Number(open.run(topicId, file, COLUMNS, first, first, clock.now()).lastInsertRowid);
        range = { id, topicId, file, writtenTo: first };
      }
      return { id: ++last, ingestId: range.id };
    },
    flush,
  };
}
