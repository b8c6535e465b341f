/** The first word to those who wrote jobs of Redis. Their mail is stored, so trouble with it never holds mail up. */
import { StoppedError } from "../../errors.ts";
import type { TakenMail } from "../../intake/broker/taking.ts";
import type { Redis } from "../../queue/redis/redis.ts";
import { TimeLimitError, withinLimit } from "../../time/time-limit.ts";

/** Redis may take this long to note that mail waits. After that the note is left out: the next one tells more. */
const STATUS_MS = 2_000;

/**
 * Who wrote a job sees in Redis that its mail waits. Nothing is noted of a job that comes again: its mail may have been sent long ago, and
 * nobody would correct "pending" any more. Never rejects, and takes no more than 2 s; `onBug` hears of an error that is no trouble with Redis.
 */
export async function notePending(
  redis: Pick<Redis, "isConnected" | "setStatus">,
  taken: readonly TakenMail[],
  onBug: (error: unknown) => void,
): Promise<void> {
  const statuses = taken.flatMap(({ asked: { reports }, outcome }) =>
    reports === null || outcome !== "accepted" ? [] : [{ id: reports.name, state: "pending", onlyNew: true }],
  );
  if (statuses.length === 0 || !redis.isConnected()) return;
  try {
    await withinLimit({ ms: STATUS_MS }, () => redis.setStatus(statuses));
  } catch (error) {
    if (!(error instanceof StoppedError || error instanceof TimeLimitError)) onBug(error);
  }
}
