/** Walks the messages of topics by their ids, in parts that hold nobody up for long. */
import type { State } from "../../message.ts";
import type { Tx } from "./transaction.ts";

/** Ranges of ids, both ends included, in order: the topic, the first id and the last id of each. Only messages of the topic have such ids. */
export type Ranges = readonly [topicIds: readonly number[], firsts: readonly number[], lasts: readonly number[]];

/**
 * Where the messages of these topics are. Ranges that follow each other, as those of small requests do, are one. `before`: only ranges
 * that are older (ms since the epoch).
 */
export async function rangesOf(query: Tx["query"], topicIds: readonly number[], before = Infinity): Promise<Ranges> {
  // As float8, which pg reads as numbers. Arrays of a million ranges take much less memory than rows.
  const [found] = await query<{ topics: number[]; firsts: number[]; lasts: number[] }>(
    `select coalesce(array_agg(topic_id order by first), '{}') as topics,
       coalesce(array_agg(first::float8 order by first), '{}') as firsts,
       coalesce(array_agg(last::float8 order by first), '{}') as lasts
     from (
       select topic_id, min(first_id) as first, max(last_id) as last from (
         select topic_id, first_id, last_id, sum(begins) over (order by first_id) as range from (
           select topic_id, first_id, last_id,
             case when first_id = lag(last_id) over (order by first_id) + 1
               and topic_id = lag(topic_id) over (order by first_id) then 0 else 1 end as begins
           from sm.ingest where topic_id = any($1::int[]) and last_id >= first_id and created_at < $2::float8
         ) one
       ) numbered group by topic_id, range
     ) joined`,
    [topicIds, before],
  );
  return found === undefined ? [[], [], []] : [found.topics, found.firsts, found.lasts];
}

/** The same without what is behind the id `last`. */
export function upTo([topicIds, firsts, lasts]: Ranges, last: number): Ranges {
  const behind = firsts.findIndex((first) => first > last);
  const count = behind < 0 ? firsts.length : behind;
  return [topicIds.slice(0, count), firsts.slice(0, count), lasts.slice(0, count).map((each) => Math.min(each, last))];
}

/** A part of the ids of some messages, for one statement. */
export interface Part {
  /** SQL that is true when the id in `column` is of the part. It has $1 and $2. */
  has(column: string): string;
  /** The values of $1 and $2. */
  values: readonly [unknown, unknown];
}

/** Shorter ranges, as those of requests are, are put together: one statement for each would take longer than what it does. */
const SHORT = 1_000;

/**
 * All ids of these ranges, in order, in parts of `size` ids at most. A statement never gets several ranges: the planner would guess
 * that each holds a ninth of all messages, and read the whole table.
 */
export function* partsOf([, firsts, lasts]: Ranges, size: number): Generator<Part> {
  let ids: number[] = [];
  for (const [at, start] of firsts.entries()) {
    const last = lasts[at] ?? 0;
    for (let first = start; first <= last;) {
      const length = Math.min(last - first + 1, size);
      const isShort = length < SHORT;
      if (ids.length > 0 && (!isShort || ids.length + length > Math.min(size, SHORT))) {
        yield listed(ids);
        ids = [];
      }
      if (isShort) for (let id = first; id < first + length; id++) ids.push(id);
      else yield ranged(first, first + length - 1);
      first += length;
    }
  }
  if (ids.length > 0) yield listed(ids);
}

const ranged = (first: number, last: number): Part => ({
  has: (column) => `${column} between $1::bigint and $2::bigint`,
  values: [first, last],
});

/** A part that is these ids. */
export const listed = (ids: readonly number[]): Part => ({
  has: (column) => `${column} = any($1::bigint[]) and $2::bigint is null`,
  values: [ids, null],
});

/** A part without ids. */
export const NOTHING: Part = listed([]);

/** The parts that have messages in one of these states now. It takes no lock, so what changes meanwhile may be missed. */
export async function* partsWith(
  query: Tx["query"],
  parts: Iterable<Part>,
  states: readonly State[],
): AsyncGenerator<Part> {
  for (const part of parts) {
    const [found] = await query<{ has: boolean }>(
      `select exists (select 1 from sm.message where ${part.has("id")} and state = any($3::text[])) as has`,
      [...part.values, states],
    );
    if (found?.has === true) yield part;
  }
}
