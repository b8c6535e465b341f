/** Looks through the recipients for those of a topic. */
import { setImmediate } from "node:timers/promises";
import { LAST_CHARACTER } from "../common-sql.ts";
import type { Connection } from "./connection.ts";

/** Does `work`, which gets the number of rows that it may work on, in a transaction, unless all of it has ended. */
export type SweepPart = (work: (rows: number) => void) => Promise<"ended" | "goes on">;

/** The key of table recipient. */
interface Key {
  address: string;
  topicId: number;
  variant: number;
}

const COLUMNS = "address, topic_id, variant";
const [FIRST, LAST]: [Key, Key] = [
  { address: "", topicId: 0, variant: 0 },
  { address: LAST_CHARACTER, topicId: 0, variant: 0 },
];

/** Recipients that follow each other: from a key, without `to…`. They are the parameters of `WITHIN`. */
export type KeyRange = Key & { toAddress: string; toTopicId: number; toVariant: number };

/** True in SQL for a recipient in a range. */
export const WITHIN = `(${COLUMNS}) >= (@address, @topicId, @variant) and (${COLUMNS}) < (@toAddress, @toTopicId, @toVariant)`;

/** How many recipients are looked through without a lock. */
const STEP = 20_000;

/**
 * Looks through all recipients in the order of their keys, and does `treat` to each range that has some for which `condition` is true,
 * SQL about `recipient.topic_id`. Without `treat` it removes them.
 * No index tells which recipients a topic has. And in the order of the topic's messages each would stand on another page of
 * the table, so that each part would write nearly as many pages as it treats recipients.
 */
export async function sweepRecipients(
  db: Connection,
  condition: string,
  inPart: SweepPart,
  treat: (range: KeyRange) => void = createRemoval(db, condition),
): Promise<void> {
  const end = db.prepare<[Key & { skip: number }], Key>(
    `select address, topic_id as topicId, variant from recipient where (${COLUMNS}) >= (@address, @topicId, @variant)
     order by ${COLUMNS} limit 1 offset @skip`,
  );
  const find = db.prepare<[KeyRange], Key>(
    `select address, topic_id as topicId, variant from recipient where ${WITHIN} and ${condition} order by ${COLUMNS} limit 1`,
  );
  const endOf = (from: Key, rows: number): Key => end.get({ ...from, skip: rows }) ?? LAST;
  const range = (from: Key, to: Key): KeyRange => ({
    ...from,
    toAddress: to.address,
    toTopicId: to.topicId,
    toVariant: to.variant,
  });
  for (let from = FIRST; from !== LAST; await setImmediate()) {
    const to = endOf(from, STEP);
    const found = find.get(range(from, to));
    if (found === undefined) {
      from = to;
      continue;
    }
    const state = await inPart((rows) => {
      from = endOf(found, rows);
      treat(range(found, from));
    });
    if (state === "ended") return;
  }
}

function createRemoval(db: Connection, condition: string): (range: KeyRange) => void {
  const remove = db.prepare<[KeyRange]>(`delete from recipient where ${WITHIN} and ${condition}`);
  return (range) => void remove.run(range);
}
