/** Walks the messages of topics by their ids, in parts that hold nobody up for long. */
import { setImmediate } from "node:timers/promises";
import type { State } from "../../message.ts";
import { createParts, type PartSizes, type RunPart } from "../parts.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createLastIdReader } from "./numbering.ts";

/** Ids of one topic that follow each other, both ends included. Only messages of the topic have such ids. */
export interface Range {
  topicId: number;
  /** JSON: the columns of the list that these messages came with. */
  columns: string;
  first: number;
  last: number;
}

/** The messages of some topics in some states that were there when the walk began, in the order of their ids within each topic. */
export interface RangeWalk {
  /** Goes on to the next of these messages. False: there are no more. It reads without a lock, so what changes meanwhile may be missed. */
  find(): Promise<boolean>;
  /** The ranges of the next `most` ids, and goes on behind them. Some of them may have no message in these states. */
  take(most: number): Range[];
}

/** How many ids are looked at without a pause, and how many ranges are read at a time. */
const [STEP, PAGE] = [20_000, 1_000];

/** Begins a walk over the messages of these topics, up to the id `last`. */
export function createRangeWalk(
  db: Connection,
  topicIds: readonly number[],
  states: readonly State[],
  last = createLastIdReader(db)(),
): RangeWalk {
  const ranges = rangesOf(db, topicIds, last);
  // The states are parameters, so that the ids are read in order: no index of a single state can be used then.
  const look = db
    .prepare<[number, number, number, ...State[]], number>(
      `select id from message where id between ? and ? and topic_id = ? and state in (${states.map(() => "?").join(", ")})
       order by id limit 1`,
    )
    .pluck();
  let current: Range | null = null;
  const behind = (id: number) => {
    if (current !== null) current = id < current.last ? { ...current, first: id + 1 } : null;
  };
  const next = (): Range | null => (current ??= ranges.next().value ?? null);

  return {
    async find() {
      for (let looked = 0, range = next(); range !== null; range = next()) {
        const to = Math.min(range.last, range.first + STEP - 1);
        const found = look.get(range.first, to, range.topicId, ...states);
        if (found !== undefined) current = { ...range, first: found };
        if (found !== undefined) return true;
        behind(to);
        // A look at a short range takes as long as one at some hundred messages.
        looked += to - range.first + 1 + 100;
        if (looked >= STEP) await setImmediate();
        looked %= STEP;
      }
      return false;
    },
    take(most) {
      const taken: Range[] = [];
      for (let left = most, range = next(); left > 0 && range !== null; range = next()) {
        const last = Math.min(range.last, range.first + left - 1);
        taken.push({ ...range, last });
        left -= last - range.first + 1;
        behind(last);
      }
      return taken;
    },
  };
}

/** The ranges of each topic up to an id, in order. Few are in memory: requests may have made a million. */
function* rangesOf(db: Connection, topicIds: readonly number[], lastId: number): Generator<Range, null> {
  const page = db.prepare<[number, number, number], Range & { id: number }>(
    `select id, topic_id as topicId, columns, first_id as first, last_id as last from ingest
     where topic_id = ? and id > ? and last_id >= first_id and first_id <= ? order by id limit ${PAGE}`,
  );
  for (const topicId of topicIds) {
    for (let after = 0; ;) {
      const rows = page.all(topicId, after, lastId);
      for (const { id, last, ...row } of rows) {
        after = id;
        yield { ...row, last: Math.min(last, lastId) };
      }
      if (rows.length < PAGE) break;
    }
  }
  return null;
}

/** Parts that take some hundredths of a second where nothing else is slow. The most ids of one are for a part that finds little to do. */
export const PART_SIZES: PartSizes = { partMs: 25, most: 20_000, restShare: 0.5 };

/** Does `work` to some ranges, inside a transaction. */
export type InPart = <T>(walk: RangeWalk, work: (ranges: readonly Range[]) => T) => Promise<T>;

/**
 * Makes a function that takes the next part of a walk and does something to it. The parts take some hundredths of a second each. A signal
 * does not end what is begun, but a second one does.
 */
export function createInPart(job: Job, most = PART_SIZES.most): InPart {
  const { hardSignal } = job.waiting;
  const inParts: RunPart = createParts(hardSignal, { ...PART_SIZES, most });
  return (walk, work) =>
    inParts((rows, begun) =>
      transaction(
        job,
        () => {
          begun();
          return work(walk.take(rows));
        },
        { isPatient: true },
      ),
    );
}
