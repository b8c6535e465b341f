/** Gives the pending messages of a topic another time, in steps. */
import { fieldsOf } from "../fields.ts";
import type { Reschedule } from "../rows.ts";
import type { Topics } from "../store.ts";
import { type Job, read, transaction, type Tx } from "./connection.ts";
import { IN_STEP, NOTHING, type Ranges, rangesOf, STEP, stepsOf } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most get their time in one transaction, which takes about a tenth of a second. */
const SIZE = 10_000;

/** The new times of some messages: their ids, and the time of each. */
type Times = [ids: number[], times: number[]];

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return async (topic, { notBefore, instantOf }) => {
    const topicId = await topicIdOf(ask, topic, job.name);
    const ranges = await rangesOf(ask, [topicId]);
    const steps = (): Iterable<Ranges> => (ranges[0].length === 0 ? [NOTHING] : stepsOf(ranges, SIZE));
    // One recipient whose time cannot be told must not leave the topic half moved, so all are tried first.
    if (instantOf !== null) for (const step of steps()) await timesOf(ask, step, instantOf);
    let moved = 0;
    let isFirst = true;
    for (const step of steps()) {
      const times = instantOf === null ? null : await timesOf(ask, step, instantOf);
      const work = async (tx: Tx) => {
        await tx.run("update sm.topic set not_before = $2 where id = $1", [topicId, notBefore || null]);
        return times === null ? moveAll(tx, step, notBefore) : moveEach(tx, times);
      };
      // A signal does not end what is begun.
      moved += await transaction(job, work, { isPatient: !isFirst });
      isFirst = false;
    }
    return moved;
  };
}

const moveAll = (tx: Tx, step: Ranges, notBefore: number): Promise<number> =>
  tx.run(`update sm.message m set not_before = $4 from ${STEP} where ${IN_STEP} and m.state = 'pending'`, [
    ...step,
    notBefore,
  ]);

const moveEach = (tx: Tx, times: Times): Promise<number> =>
  tx.run(
    `update sm.message m set not_before = n.at from unnest($1::bigint[], $2::bigint[]) n (id, at)
     where m.id = n.id and m.state = 'pending'`,
    times,
  );

/** So many messages are read at a time, because a recipient may have many columns. */
const PAGE = 1_000;

/** The times of the pending messages of a step. Throws what `instantOf` throws. */
async function timesOf(
  ask: Tx["query"],
  step: Ranges,
  instantOf: NonNullable<Reschedule["instantOf"]>,
): Promise<Times> {
  const times: Times = [[], []];
  for (const part of stepsOf(step, PAGE)) {
    const rows = await ask<{ id: number; fields: string; columns: string }>(
      `select m.id, m.fields, i.columns from ${STEP} join sm.message m on ${IN_STEP} join sm.ingest i on i.id = m.ingest_id
       where m.state = 'pending' order by m.id`,
      [...part],
    );
    for (const { id, fields, columns } of rows) {
      times[0].push(id);
      times[1].push(instantOf(fieldsOf(JSON.parse(columns) as string[], fields)));
    }
  }
  return times;
}
