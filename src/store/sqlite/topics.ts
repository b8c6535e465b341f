/** What a person does to a topic: cancel it, retry messages, pause it, give it another time. */
import { TopicRefusedError } from "../rules/admit.ts";
import type { Topics } from "../store.ts";
import { createCancel } from "./cancel.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createPauses } from "./pauses.ts";
import { createReschedule } from "./reschedule.ts";
import { createRetry } from "./retry.ts";
import { topicIdOf } from "./topic-ids.ts";

/**
 * Makes the part of the store that changes topics for people. Whoever sends cannot while another writes to the file, so what moves many
 * messages moves them in several transactions. Statements are prepared when they are needed, because every command opens the store and
 * few do any of this.
 */
export function createTopicActions(
  job: Job,
): Pick<Topics, "cancel" | "retry" | "countExpired" | "pause" | "resume" | "reschedule"> {
  const { db, clock } = job;
  return {
    cancel: createCancel(job),
    ...createRetry(job),
    pause: (topic, forMs) => transaction(job, () => createPauses(db).pause(openTopicOf(db, topic), forMs, clock.now())),
    resume: (topic) => transaction(job, () => createPauses(db).resume(topicIdOf(db, topic), clock.now())),
    reschedule: createReschedule(job),
  };
}

/** The id of a topic that can go on. @throws TopicRefusedError when it was pruned or is cancelled, and UserError when there is none. */
function openTopicOf(db: Connection, topic: string): number {
  const topicId = topicIdOf(db, topic);
  // A pruned topic comes first: it stays closed whatever is done about the rest.
  for (const refusal of ["pruned", "cancelled"] as const) {
    const at = db.prepare<[number], number | null>(`select ${refusal}_at from topic where id = ?`).pluck().get(topicId);
    if (typeof at === "number") throw new TopicRefusedError({ topic, refusal, endpoint: null });
  }
  return topicId;
}
