/** Gives messages their ids. */
import { fileOf, FILES_SQL } from "../via.ts";
import type { Via } from "../rows.ts";
import type { Tx } from "./transaction.ts";

/** SQL for the next id of a table, which nobody else gets. It is used up, whatever becomes of the transaction. */
export const nextIdSql = (table: "topic" | "content" | "ingest"): string =>
  `nextval(pg_get_serial_sequence('sm.${table}', 'id'))`;

/** Reserves so many ids in a row, for the messages of a list. Returns the first. What is not used of them is a gap. */
export async function reserveMessageIds(tx: Tx, count: number): Promise<number> {
  const [row] = await tx.query<{ first: number }>(
    "update sm.job set next_message_id = next_message_id + $1::bigint returning next_message_id - $1::bigint as first",
    [count],
  );
  if (row === undefined) throw new Error("there is no job");
  return row.first;
}

/**
 * Gives out message ids in one transaction, and keeps the id ranges of topics in `ingest`. While messages of one topic that came the same
 * way follow each other, one range grows, so a million requests in a row do not make a million ranges.
 */
export interface Numbering {
  /** The id that `use` will give next. */
  next(): number;
  /** Gives the next id to a message of the topic that came this way, with the id of its range. The topic may get its own id later. */
  use(topic: Numbered, via: Via | undefined): { id: number; ingestId: number };
  /** Writes the ranges, and that the ids are taken. To be called last. */
  write(tx: Tx): Promise<void>;
}

/** A topic whose messages are numbered. */
interface Numbered {
  id: number;
}

/** The columns of requests. A recipients file never has these, because it has at least one column. */
const COLUMNS = "[]";

interface Range {
  id: number;
  topic: Numbered;
  file: string;
  first: number;
  last: number;
}

/** Begins to number the messages of requests. `most`: how often at most the topic, or the way, changes from one message to the next. */
export async function createNumbering(tx: Tx, most: number): Promise<Numbering> {
  const [[job], spare] = await Promise.all([
    tx.query<{ next: number; rangeId: number | null; topicId: number | null; file: string | null }>(
      `select j.next_message_id as next, i.id as "rangeId", i.topic_id as "topicId", i.file from sm.job j
       left join (select id, topic_id, file, columns, last_id from sm.ingest order by id desc limit 1) i
         on i.file in ${FILES_SQL} and i.columns = $1 and i.last_id = j.next_message_id - 1`,
      [COLUMNS],
    ),
    tx.query<{ id: number }>(`select ${nextIdSql("ingest")} as id from generate_series(1, $1::int)`, [most]),
  ]);
  if (job === undefined) throw new Error("there is no job");
  return number(job, spare);
}

function number(
  {
    next: first,
    rangeId,
    topicId,
    file: grownFile,
  }: { next: number; rangeId: number | null; topicId: number | null; file: string | null },
  spare: { id: number }[],
): Numbering {
  let next = first;
  /** The range that was there before; it is only made longer. */
  const grown =
    rangeId === null || topicId === null || grownFile === null
      ? null
      : { id: rangeId, topic: { id: topicId }, file: grownFile, first, last: first - 1 };
  const made: Range[] = [];
  let range: Range | null = grown;

  const open = (topic: Numbered, file: string): Range => {
    const id = spare.shift()?.id;
    if (id === undefined) throw new Error("more ranges than messages");
    const opened = { id, topic, file, first: next, last: next - 1 };
    made.push(opened);
    return opened;
  };
  return {
    next: () => next,
    use(topic, via) {
      const file = fileOf(via);
      // Those that are not written yet have no id to be told apart by.
      const isSame = range !== null && (range.topic === topic || (topic.id > 0 && range.topic.id === topic.id));
      if (range === null || !isSame || range.file !== file) range = open(topic, file);
      range.last = next;
      return { id: next++, ingestId: range.id };
    },
    async write(tx) {
      if (next === first) return;
      const writes = [tx.run("update sm.job set next_message_id = $1", [next])];
      if (made.length > 0) writes.push(insertRanges(tx, made));
      if (grown !== null && grown.last >= first)
        writes.push(tx.run("update sm.ingest set last_id = $1 where id = $2", [grown.last, grown.id]));
      await Promise.all(writes);
    },
  };
}

function insertRanges(tx: Tx, ranges: readonly Range[]): Promise<number> {
  return tx.run(
    `insert into sm.ingest (id, topic_id, file, columns, first_id, last_id, created_at) overriding system value
     select id, topic_id, file, $5, first_id, last_id, $6::bigint
     from unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $7::text[]) r (id, topic_id, first_id, last_id, file)`,
    [
      ranges.map(({ id }) => id),
      ranges.map(({ topic }) => topic.id),
      ranges.map((range) => range.first),
      ranges.map((range) => range.last),
      COLUMNS,
      tx.now.wall,
      ranges.map(({ file }) => file),
    ],
  );
}
