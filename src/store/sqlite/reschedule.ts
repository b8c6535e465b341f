/** Gives the pending messages of a topic another time, in parts. */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import { expiresAtSql } from "../common-sql.ts";
import { columnsOf } from "../fields.ts";
import type { Reschedule } from "../rows.ts";
import type { Topics } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createInPart, createRangeWalk, type Range } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most are in one part when each has a time of its own, because their columns may be long. */
const PAGE = 2_000;

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  return async (topic, { notBefore, instantOf }) => {
    const { db } = job;
    const topicId = topicIdOf(db, topic);
    // One recipient whose time cannot be told must not leave the topic half moved, so all are tried first.
    if (instantOf !== null) await tryAll(job, topicId, instantOf);
    await transaction(job, () =>
      db
        .prepare<[number | null, number]>("update topic set not_before = ? where id = ?")
        .run(notBefore || null, topicId),
    );
    const move = createMove(job, { notBefore, instantOf });
    const walk = createRangeWalk(db, [topicId], ["pending"]);
    const inPart = instantOf === null ? createInPart(job) : createInPart(job, PAGE);
    let moved = 0;
    while (await walk.find())
      moved += await inPart(walk, (ranges) => ranges.reduce((sum, each) => sum + move(each), 0));
    return moved;
  };
}

type InstantOf = NonNullable<Reschedule["instantOf"]>;

/** Throws what `instantOf` throws for a pending message. */
async function tryAll({ db, clock, waiting }: Job, topicId: number, instantOf: InstantOf): Promise<void> {
  const timesOf = createTimes(db, instantOf);
  const walk = createRangeWalk(db, [topicId], ["pending"]);
  while (await walk.find()) {
    for (const range of walk.take(PAGE)) timesOf(range, clock.now());
    await setImmediate();
    if (waiting.signal.aborted) throw new InterruptedError();
  }
}

const OPEN = `id between @first and @last and topic_id = @topicId and state = 'pending'
  and (expires_at is null or expires_at > @now)`;
type Where = Omit<Range, "columns"> & { now: number };

/** Makes what tells the new time of each pending message in a range that has not expired. */
function createTimes(
  db: Connection,
  instantOf: InstantOf,
): (range: Range, now: number) => { id: number; at: number }[] {
  const pending = db.prepare<[Where], { id: number; fields: string }>(`select id, fields from message where ${OPEN}`);
  return ({ columns, ...range }, now) => {
    const names = JSON.parse(columns) as string[];
    return pending.all({ ...range, now }).map(({ id, fields }) => ({ id, at: instantOf(columnsOf(names, fields)) }));
  };
}

/** Makes what gives the messages in a range their time, inside a transaction. It returns how many there are. */
function createMove({ db, clock }: Job, { notBefore, instantOf }: Reschedule): (range: Range) => number {
  const set = `update message set not_before = @at,
    expires_at = iif(expires_in is null, expires_at, ${expiresAtSql("@at", "expires_in", "@now")})`;
  if (instantOf === null) {
    const all = db.prepare<[Where & { at: number }]>(`${set} where ${OPEN}`);
    return ({ topicId, first, last }) => all.run({ topicId, first, last, now: clock.now(), at: notBefore }).changes;
  }
  const one = db.prepare<[{ id: number; at: number; now: number }]>(`${set} where id = @id`);
  const timesOf = createTimes(db, instantOf);
  return (range) => {
    const now = clock.now();
    const times = timesOf(range, now);
    for (const each of times) one.run({ ...each, now });
    return times.length;
  };
}
