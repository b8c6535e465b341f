/** Finishes what processes that died were doing to topics. */
import { isAbandoned } from "../rules/cancelling.ts";
import { finishCancel } from "./cancel.ts";
import { type Job, read } from "./connection.ts";
import { carryOut } from "./moving.ts";

/** As `Topics.finishOthersWork`. */
export async function finishOthersWork(job: Job, signal: AbortSignal): Promise<void> {
  const begun = await read<{ id: number; cancellingAt: number | null; movingAt: number | null }>(
    job,
    `select id, cancelling_at as "cancellingAt", moving_at as "movingAt" from sm.topic
     where cancelling_at is not null or moving_at is not null order by id`,
  );
  const isDead = (at: number | null) => at !== null && isAbandoned(at, job.time.now().wall);
  for (const { id, cancellingAt } of begun) if (isDead(cancellingAt)) await finishCancel(job, id, signal);
  for (const { id, movingAt } of begun) if (isDead(movingAt)) await carryOut(job, id, () => true, signal);
}
