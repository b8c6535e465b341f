/** What a person does to a topic: cancel it, retry messages, pause it, give it another time. */
import type { Topics } from "../store.ts";
import { createCancel } from "./cancel.ts";
import { type Job, transaction } from "./connection.ts";
import { createPauses } from "./pauses.ts";
import { createReschedule } from "./reschedule.ts";
import { createRetry } from "./retry.ts";
import { openTopicOf, topicIdOf } from "./topic-ids.ts";

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
