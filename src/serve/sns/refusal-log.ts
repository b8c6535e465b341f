import type { Clock } from "../../time/clock.ts";

/** A reason is logged once in this time at most. */
const EVERY_MS = 1_000;

/**
 * Returns a function to call for each refusal. It writes one line a second at most for each reason, with how many were
 * refused since the last. Strangers cannot fill the disk, and a mistake in the set-up is still seen. The number of
 * reasons is limited: each is a fixed sentence in this folder.
 */
export function createRefusalLog(
  clock: Clock,
  write: (line: { reason: string; sns_topic: string; refused: number }) => void,
) {
  const reasons = new Map<string, { lastAt: number; refused: number }>();
  return (reason: string, snsTopic: string): void => {
    const now = clock.monotonic();
    const seen = reasons.get(reason) ?? { lastAt: -Infinity, refused: 0 };
    reasons.set(reason, seen);
    seen.refused++;
    if (now - seen.lastAt < EVERY_MS) return;
    write({ reason, sns_topic: snsTopic.slice(0, 300), refused: seen.refused });
    seen.lastAt = now;
    seen.refused = 0;
  };
}
