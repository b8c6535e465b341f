/** The parts of a store that change what is in the file, and those that need much of their code. Some of them are asked questions, too. */
import { createClaims } from "./claims.ts";
import type { Job } from "./connection.ts";
import { createEventSink } from "./events.ts";
import { createLists } from "./lists.ts";
import { createMailReader } from "./mails.ts";
import { registerForgotten } from "./suppressed.ts";
import { createSuppressions } from "./suppressions.ts";
import { createTopicActions } from "./topics.ts";

/** Those parts, and what opening and closing the store asks of them. */
export type WorkingParts = ReturnType<typeof createWorkingParts>;

/** Makes them. `leave` is to be called before the file is closed; for `recoverAtOpen` see `createClaims`. */
export function createWorkingParts(job: Job, jobId: string) {
  registerForgotten(job.db, jobId);
  return {
    ...createClaims(job),
    ...createLists(job),
    ...createTopicActions(job),
    ...createEventSink(job, jobId),
    ...createSuppressions(job),
    ...createMailReader(job.db),
  };
}
