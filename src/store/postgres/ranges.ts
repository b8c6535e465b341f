/** Walks the messages of topics by their ids, in steps that hold nobody up for long. */
import type { Tx } from "./connection.ts";

/** Ranges of ids, both ends included, in order: the topic, the first id and the last id of each. */
export type Ranges = readonly [topicIds: readonly number[], firsts: readonly number[], lasts: readonly number[]];

/** The rows of a step, which is passed as the first three values of a statement. */
export const STEP = "unnest($1::int[], $2::bigint[], $3::bigint[]) r (topic_id, first, last)";

/**
 * SQL that is true when message `m` is in range `r`. Not `m.topic_id = r.topic_id`: for that the planner may read all messages there
 * are and put them into a hash table. The ids of a range belong to its topic anyhow.
 */
export const IN_STEP = "m.id between r.first and r.last and m.topic_id is not distinct from r.topic_id";

/** A statement gets so many ranges at most. */
const MOST_RANGES = 1_000;

/** Where the messages of these topics are. Ranges that follow each other, as those of small requests do, are one. */
export async function rangesOf(query: Tx["query"], topicIds: readonly number[]): Promise<Ranges> {
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
           from sm.ingest where topic_id = any($1::int[]) and last_id >= first_id
         ) one
       ) numbered group by topic_id, range
     ) joined`,
    [topicIds],
  );
  return found === undefined ? [[], [], []] : [found.topics, found.firsts, found.lasts];
}

/** Cuts ranges and puts them together into steps of `size` ids at most. */
export function* stepsOf([topicIds, firsts, lasts]: Ranges, size: number): Generator<Ranges> {
  let step: [number[], number[], number[]] = [[], [], []];
  let room = size;
  for (const [at, topicId] of topicIds.entries()) {
    const last = lasts[at] ?? 0;
    for (let first = firsts[at] ?? 0; first <= last;) {
      const end = Math.min(last, first + room - 1);
      step[0].push(topicId);
      step[1].push(first);
      step[2].push(end);
      room -= end - first + 1;
      first = end + 1;
      if (room > 0 && step[0].length < MOST_RANGES) continue;
      yield step;
      [step, room] = [[[], [], []], size];
    }
  }
  if (step[0].length > 0) yield step;
}

/** A step without messages. */
export const NOTHING: Ranges = [[], [], []];
