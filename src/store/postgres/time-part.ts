/** Gives pending messages of a topic another time. */
import { expiresAtSql } from "../common-sql.ts";
import { type Move, timesOf } from "../move.ts";
import type { Part } from "./ranges.ts";
import type { Tx } from "./transaction.ts";

/**
 * Gives the pending messages of a part their time, up to the message `last`. What was to expire after a span expires after it again, and
 * what has expired is left as it is. Returns how many messages were moved.
 */
export async function giveTimes(tx: Tx, part: Part, when: Omit<Move, "begunAt">): Promise<number> {
  if (when.times === null) return moveAll(tx, part, when);
  const timeOf = timesOf(when);
  const rows = await tx.query<{ id: number; fields: string; columns: string }>(
    `select m.id, m.fields, i.columns from sm.message m join sm.ingest i on i.id = m.ingest_id
     where ${part.has("m.id")} and m.id <= $3::bigint and m.state = 'pending' order by m.id`,
    [...part.values, when.last],
  );
  const times = rows.map(({ columns, fields }) => timeOf(columns, fields));
  return moveEach(
    tx,
    rows.map(({ id }) => id),
    times,
  );
}

/** The new times of message `m`. */
const times = (notBefore: string, now: string): string => `not_before = ${notBefore},
  expires_at = case when m.expires_in is null then m.expires_at else ${expiresAtSql(notBefore, "m.expires_in", now)} end`;

const open = (now: string): string => `m.state = 'pending' and (m.expires_at is null or m.expires_at > ${now})`;

const moveAll = (tx: Tx, part: Part, { notBefore, last }: Pick<Move, "notBefore" | "last">): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("$3::bigint", "$4::bigint")}
     where ${part.has("m.id")} and m.id <= $5::bigint and ${open("$4::bigint")}`,
    [...part.values, notBefore, tx.now.wall, last],
  );

const moveEach = (tx: Tx, ids: number[], to: number[]): Promise<number> =>
  tx.run(
    `update sm.message m set ${times("n.at", "$3::bigint")} from unnest($1::bigint[], $2::bigint[]) n (id, at)
     where m.id = n.id and ${open("$3::bigint")}`,
    [ids, to, tx.now.wall],
  );
