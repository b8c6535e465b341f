/**
 * Long lists on their way into topics (`arriving` in schema.ts). A process that puts one in renews its row with each part. When it is
 * dead, or something went wrong, what is there of the list is removed, in parts as well. One that joins a topic is in, and is not removed
 * (./joining.ts).
 */
import type { Endpoint } from "../rows.ts";
import { type State, STATES } from "../../message.ts";
import { createParts, type RunPart } from "../parts.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createLastIdReader } from "./numbering.ts";
import { createHolders, type Holder } from "./processes.ts";
import { PART_SIZES } from "./ranges.ts";
import { type SweepPart, sweepRecipients } from "./recipient-sweep.ts";

/** Where a list goes. Its messages get ids from `first` on, in the order of its rows. */
export interface Arrival {
  topicId: number;
  contentId: number;
  first: number;
  last: number;
}

/** What is known of a list before its place is. */
type Announced = Pick<Arrival, "topicId" | "contentId"> & { topic: string; endpoint: Endpoint | null; rows: number };

/** How many messages of each state there are so far. */
type Arrived = Record<State, number>;

/** Keeps the rows of table `arriving`. All of it is to be called in a transaction. */
export interface Arrivals {
  /** Notes that a list of so many rows is on its way, and keeps ids for its messages. */
  begin(list: Announced): Arrival;
  /** Renews the row. False: others have taken us for dead, and remove the list. */
  goesOn(arrival: Arrival): boolean;
  /** Deletes the row, when the topic is there. Its ids that no message has stay free: ids that only grow say which message came later. */
  end(arrival: Arrival): void;
  /** Notes that the list is in: from now on it joins this topic, and goes where that goes. */
  join(arrival: Arrival, topicId: number): void;
  /** What has arrived. */
  counts(arrival: Arrival): Arrived;
}

/** Makes what keeps table `arriving`. */
export function createArrivals({ db, clock }: Pick<Job, "db" | "clock">): Arrivals {
  const { mine } = createHolders(clock);
  const readLastId = createLastIdReader(db);
  const keepIds = db.prepare<[number]>("update job set ids_after = ?");
  const insert = db.prepare<[Omit<Announced, "rows"> & Pick<Arrival, "first" | "last"> & Holder]>(
    `insert into arriving (topic_id, topic, content_id, endpoint, first_id, last_id, host, pid, origin, boot, process_table,
       renewed_mono, lease_until)
     values (@topicId, @topic, @contentId, @endpoint, @first, @last, @host, @pid, @origin, @boot, @process_table,
       @renewed_mono, @lease_until)`,
  );
  // Its ids tell this list from a later one whose topic has the same id.
  const renew = db.prepare<[Pick<Arrival, "topicId" | "first"> & Holder]>(
    `update arriving set renewed_mono = @renewed_mono, lease_until = @lease_until
     where topic_id = @topicId and first_id = @first and dropped = 0`,
  );
  const join = db.prepare<[{ id: number; topicId: number }]>(
    `update arriving set joins = @topicId, endpoint = (select topic.endpoint from topic where topic.id = @topicId)
     where topic_id = @id`,
  );
  const counts = db.prepare<[number], Arrived>(`select ${STATES.join(", ")} from arriving where topic_id = ?`);
  const remove = db.prepare<[number]>("delete from arriving where topic_id = ?");
  return {
    begin({ rows, ...list }) {
      const base = readLastId();
      const { topicId, contentId } = list;
      const ids = { first: base + 1, last: base + rows };
      insert.run({ ...list, ...ids, ...mine() });
      keepIds.run(ids.last);
      return { topicId, contentId, ...ids };
    },
    goesOn: ({ topicId, first }) => renew.run({ topicId, first, ...mine() }).changes > 0,
    end: ({ topicId }) => void remove.run(topicId),
    join: (arrival, topicId) => void join.run({ id: arrival.topicId, topicId }),
    counts(arrival) {
      const found = counts.get(arrival.topicId);
      if (found === undefined) throw new Error("a list that is not on its way");
      return found;
    },
  };
}

type Row = Pick<Arrival, "topicId" | "first" | "last"> & { dropped: 0 | 1 } & Holder;

const ROW = "select topic_id as topicId, first_id as first, last_id as last, * from arriving where joins is null";

/** Removes what is there of lists whose processes are dead. A signal leaves the rest to others. */
export async function dropDeadArrivals(job: Job, signal: AbortSignal): Promise<void> {
  const { isDead } = createHolders(job.clock);
  const isOver = (row: Row) => row.dropped === 1 || isDead(row);
  const found = job.db.prepare<[], Row>(`${ROW} order by topic_id`).all().filter(isOver);
  for (const row of found) await dropArrival(job, row, createParts(signal, PART_SIZES), isOver);
}

/** The parts in which the process that put a list in removes it again. Only the second signal ends that. */
export const createOwnParts = (job: Job): RunPart => createParts(job.waiting.hardSignal, PART_SIZES);

/**
 * Removes what is there of a list, and at last its row, if it is over by what the row says then, and joins no topic. Several processes may
 * do it at once.
 */
export async function dropArrival(
  job: Job,
  arrival: Pick<Arrival, "topicId" | "first" | "last">,
  inParts: RunPart,
  isOver: (row: Row) => boolean = () => true,
): Promise<void> {
  const { db } = job;
  const { topicId, first } = arrival;
  const read = db.prepare<[number, number], Row>(`${ROW} and topic_id = ? and first_id = ?`);
  const mark = db.prepare<[number]>("update arriving set dropped = 1 where topic_id = ?");
  // From then on the process that puts it in adds nothing, if it lives.
  const begins = await transaction(
    job,
    () => {
      const row = read.get(topicId, first);
      return row !== undefined && isOver(row) && mark.run(topicId).changes > 0;
    },
    { isPatient: true },
  );
  if (!begins) return;
  const inPart: SweepPart = (work) =>
    inParts((rows, begun) =>
      transaction(
        job,
        () => {
          begun();
          // Another process may have ended it, and another list may have the id of the topic now.
          if (read.get(topicId, first) === undefined) return "ended";
          work(rows);
          return "goes on";
        },
        { isPatient: true },
      ),
    );
  await sweepRecipients(db, `topic_id = ${topicId}`, inPart);
  await dropMessages(db, arrival, inPart);
  const rest = ["removed", "ingest", "arriving"].map((table) =>
    db.prepare<[number]>(`delete from ${table} where topic_id = ?`),
  );
  await inPart(() => rest.forEach((each) => each.run(topicId)));
}

async function dropMessages(
  db: Connection,
  { topicId, first, last }: Pick<Arrival, "topicId" | "first" | "last">,
  inPart: SweepPart,
): Promise<void> {
  const end = db
    .prepare<[number, number, number], number | null>(
      "select max(id) from (select id from message where id >= ? and id <= ? order by id limit ?)",
    )
    .pluck();
  const remove = db.prepare<[number, number, number]>("delete from message where id between ? and ? and topic_id = ?");
  const place = { from: first, isLast: false };
  while (!place.isLast) {
    const state = await inPart((rows) => {
      const to = end.get(place.from, last, rows) ?? last;
      remove.run(place.from, to, topicId);
      Object.assign(place, { from: to + 1, isLast: to >= last });
    });
    if (state === "ended") return;
  }
}
