/** Gives the pending messages of a topic another time: those of a named one in parts (./moving.ts), mail without a topic at one moment. */
import { NO_TOPIC } from "../../message.ts";
import type { Reschedule } from "../rows.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import type { Topics } from "../store.ts";
import type { Job } from "./connection.ts";
import { carryOut, lastIdOf, noteMove, PAGE } from "./moving.ts";
import { partsOf, partsWith, rangesOf } from "./ranges.ts";
import { tellWhen } from "./tell.ts";
import { giveTimes } from "./time-part.ts";
import { topicIdOf } from "./topic-ids.ts";
import { transaction, type Tx } from "./transaction.ts";

/** Makes `Topics.reschedule`. */
export function createReschedule(job: Job): Topics["reschedule"] {
  return async (topic, when) => {
    if (topic === NO_TOPIC)
      return tellWhen(
        job,
        transaction(job, (tx) => moveAtOnce(tx, when, job.name)),
      );
    const { topicId, begunAt } = await transaction(job, (tx) => begin(tx, topic, when, job.name));
    // Who gives the topic yet another time sees to that.
    return carryOut(job, topicId, ({ time }) => time?.begunAt === begunAt);
  };
}

async function begin(
  tx: Tx,
  topic: string,
  when: Reschedule,
  database: string,
): Promise<{ topicId: number; begunAt: number }> {
  const topicId = await topicIdOf(tx.query, topic, database);
  const marked = await tx.run("update sm.topic set not_before = $2::bigint where id = $1 and cancelled_at is null", [
    topicId,
    when.notBefore || null,
  ]);
  if (marked === 0) throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: null });
  const time = { ...when, last: await lastIdOf(tx.query, topicId) };
  return { topicId, begunAt: await noteMove(tx, topicId, { time }) };
}

/**
 * Moves the mail without a topic. To claim nothing of it meanwhile would hold up mail that comes in, so nobody may see a part of it moved.
 */
async function moveAtOnce(tx: Tx, when: Reschedule, database: string): Promise<number> {
  const topicId = await topicIdOf(tx.query, NO_TOPIC, database);
  await tx.run("update sm.topic set not_before = $2::bigint where id = $1", [topicId, when.notBefore || null]);
  const parts = partsOf(await rangesOf(tx.query, [topicId]), PAGE);
  let moved = 0;
  for await (const part of partsWith(tx.query, parts, ["pending"]))
    moved += await giveTimes(tx, part, { ...when, last: Number.MAX_SAFE_INTEGER });
  return moved;
}
