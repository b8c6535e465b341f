/** Gives the pending messages of a topic another time, in steps. */
import { expiresAtSql } from "../common-sql.ts";
import { columnsOf } from "../fields.ts";
import type { Reschedule } from "../rows.ts";
import type { Topics } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { type Part, partsOf, partsWith, rangesOf } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many messages at most get their time in one transaction, which takes about a tenth of a second. */
const SIZE = 5_000;

/** The same when each message has a time of its own, because their columns may be long. */
const PAGE = 2_000;

/** The new times of some messages: their ids, and the time of each. */
type Times = [ids: number[], times: number[]];

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return async (topic, { notBefore, instantOf }) => {
    const topicId = await topicIdOf(ask, topic, job.name);
    const ranges = await rangesOf(ask, [topicId]);
    const pending = (size: number) => partsWith(ask, partsOf(ranges, size), ["pending"]);
    // One recipient whose time cannot be told must not leave the topic half moved, so all are tried first.
    if (instantOf !== null) for await (const part of pending(PAGE)) await timesOf(ask, part, instantOf);
    await transaction(job, (tx) =>
      tx.run("update sm.topic set not_before = $2 where id = $1", [topicId, notBefore || null]),
    );
    let moved = 0;
    for await (const part of pending(instantOf === null ? SIZE : PAGE)) {
      const times = instantOf === null ? null : await timesOf(ask, part, instantOf);
      // A signal does not end what is begun.
      moved += await transaction(job, (tx) => (times === null ? moveAll(tx, part, notBefore) : moveEach(tx, times)), {
        isPatient: true,
      });
    }
    return moved;
  };
}

/** The new times of message `m`: what was to expire after a span expires after it again. */
const times = (notBefore: string, now: string): string => `not_before = ${notBefore},
  expires_at = case when m.expires_in is null then m.expires_at else ${expiresAtSql(notBefore, "m.expires_in", now)} end`;

const open = (now: string): string => `m.state = 'pending' and (m.expires_at is null or m.expires_at > ${now})`;

const moveAll = (tx: Tx, part: Part, notBefore: number): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("$3::bigint", "$4::bigint")} where ${part.has("m.id")} and ${open("$4::bigint")}`,
    [...part.values, notBefore, tx.now.wall],
  );

const moveEach = (tx: Tx, each: Times): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("n.at", "$3::bigint")} from unnest($1::bigint[], $2::bigint[]) n (id, at)
     where m.id = n.id and ${open("$3::bigint")}`,
    [...each, tx.now.wall],
  );

/** The times of the pending messages of a part. Throws what `instantOf` throws. */
async function timesOf(ask: Tx["query"], part: Part, instantOf: NonNullable<Reschedule["instantOf"]>): Promise<Times> {
  const rows = await ask<{ id: number; fields: string; columns: string }>(
    `select m.id, m.fields, i.columns from sm.message m join sm.ingest i on i.id = m.ingest_id
     where ${part.has("m.id")} and m.state = 'pending' order by m.id`,
    [...part.values],
  );
  const times = rows.map(({ fields, columns }) => instantOf(columnsOf(JSON.parse(columns) as string[], fields)));
  return [rows.map(({ id }) => id), times];
}
