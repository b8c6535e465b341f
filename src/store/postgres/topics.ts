/** What a person does to a topic: cancel it, retry messages, pause it, give it another time. */
import { TopicRefusedError } from "../rules/admit.ts";
import type { Topics } from "../store.ts";
import { createCancel } from "./cancel.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { finishOthersWork } from "./others-work.ts";
import { createPauses } from "./pauses.ts";
import { createReschedule } from "./reschedule.ts";
import { createRetry } from "./retry.ts";
import { tellWhen } from "./tell.ts";
import { topicIdOf } from "./topic-ids.ts";

/**
 * Makes the part of the store that changes topics for people. Cancelling a million messages takes seconds, and nobody can send
 * meanwhile who waits for the writer lock. So what moves many messages moves them in several transactions.
 */
export function createTopicActions(
  job: Job,
): Pick<Topics, "cancel" | "retry" | "countExpired" | "pause" | "resume" | "reschedule" | "finishOthersWork"> {
  const pauses = createPauses();
  const { retry, countExpired } = createRetry(job);
  return {
    cancel: createCancel(job),
    retry: (topic, states) => tellWhen(job, retry(topic, states)),
    countExpired,
    pause: (topic, forMs) =>
      transaction(job, async (tx) => pauses.pause(tx, await openTopicOf(tx, topic, job.name), forMs, tx.now.wall)),
    resume: (topic) =>
      tellWhen(
        job,
        transaction(job, async (tx) => pauses.resume(tx, await topicIdOf(tx.query, topic, job.name), tx.now.wall)),
      ),
    reschedule: createReschedule(job),
    finishOthersWork: (signal) => finishOthersWork(job, signal),
  };
}

/** The id of a topic that can go on. Throws TopicRefusedError for one that was pruned or is cancelled. */
async function openTopicOf(tx: Tx, topic: string, database: string): Promise<number> {
  const topicId = await topicIdOf(tx.query, topic, database);
  const [row] = await tx.query<{ cancelled: boolean; pruned: boolean }>(
    "select cancelled_at is not null as cancelled, pruned_at is not null as pruned from sm.topic where id = $1",
    [topicId],
  );
  // A pruned topic comes first: it stays closed whatever is done about the rest.
  for (const refusal of ["pruned", "cancelled"] as const)
    if (row?.[refusal] === true) throw new TopicRefusedError({ topic, refusal, endpoint: null });
  return topicId;
}
