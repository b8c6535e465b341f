/** Gives the pending messages of a topic another time: those of a named one in parts (./moving.ts), mail without a topic at one moment. */
import { NO_TOPIC } from "../../message.ts";
import type { Reschedule } from "../rows.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import type { Topics } from "../store.ts";
import { type Job, transaction } from "./connection.ts";
import { carryOut, noteMove } from "./moving.ts";
import { createLastIdReader } from "./numbering.ts";
import { createRangeWalk } from "./ranges.ts";
import { createTimePart } from "./time-part.ts";
import { topicIdOf } from "./topic-ids.ts";

/** So many ids are looked at without a pause when all move at one moment. */
const STEP = 20_000;

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  return async (topic, when) => {
    if (topic === NO_TOPIC) return transaction(job, () => moveAtOnce(job, when));
    const { topicId, begunAt } = await transaction(job, () => begin(job, topic, when));
    // Who gives the topic yet another time sees to that.
    return carryOut(job, topicId, ({ time }) => time?.begunAt === begunAt);
  };
}

function begin(job: Job, topic: string, when: Reschedule): { topicId: number; begunAt: number } {
  const { db } = job;
  const topicId = topicIdOf(db, topic);
  const mark = db.prepare<[number | null, number]>(
    "update topic set not_before = ? where id = ? and cancelled_at is null",
  );
  if (mark.run(when.notBefore || null, topicId).changes === 0)
    throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: null });
  return { topicId, begunAt: noteMove(job, topicId, { time: { ...when, last: createLastIdReader(db)() } }) };
}

/**
 * Moves the mail without a topic, inside a transaction. To claim nothing of it meanwhile would hold up mail that comes in, so nobody may see
 * a part of it moved.
 */
function moveAtOnce(job: Job, when: Reschedule): number {
  const { db } = job;
  const topicId = topicIdOf(db, NO_TOPIC);
  db.prepare<[number | null, number]>("update topic set not_before = ? where id = ?").run(
    when.notBefore || null,
    topicId,
  );
  const movePart = createTimePart(job, when);
  const walk = createRangeWalk(db, [topicId], ["pending"]);
  for (let moved = 0; ;) {
    const ranges = walk.take(STEP);
    if (ranges.length === 0) return moved;
    moved += movePart(ranges);
  }
}
