import type { Clock } from "../../time/clock.ts";

const EVERY_MS = 1_000;

/**
 * At most one line a second for each reason, with how many were refused for it since the last: strangers cannot fill the
 * disk, and a mistake in the set-up is still seen among them. There are only as many reasons as sentences in this folder.
 */
export function refusalLog(
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
