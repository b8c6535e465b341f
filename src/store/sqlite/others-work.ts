/** Finishes what processes that died were doing to topics, and moves or removes what they were putting in. */
import { dropDeadArrivals } from "./arrivals.ts";
import { isAbandoned } from "../rules/cancelling.ts";
import { finishCancel } from "./cancel.ts";
import type { Job } from "./connection.ts";
import { finishDeadJoinings } from "./joining.ts";
import { carryOut } from "./moving.ts";

/** As `Topics.finishOthersWork`. */
export async function finishOthersWork(job: Job, signal: AbortSignal): Promise<void> {
  const { db, clock } = job;
  const begun = (column: "cancelling_at" | "moving_at") =>
    db
      .prepare<[], { id: number; at: number }>(
        `select id, ${column} as at from topic where ${column} is not null order by id`,
      )
      .all()
      .filter(({ at }) => isAbandoned(at, clock.now()));
  for (const { id } of begun("cancelling_at")) await finishCancel(job, id, signal);
  for (const { id } of begun("moving_at")) await carryOut(job, id, () => true, signal);
  await finishDeadJoinings(job, signal);
  await dropDeadArrivals(job, signal);
}
