/** Pauses and resumes a topic for a person, with the answer that the command and the route both give. */
import { UserError } from "../errors.ts";
import type { Totals } from "../message.ts";
import { parseDuration } from "../time/duration.ts";
import { isoTime } from "../time/iso.ts";
import type { Topics } from "./store.ts";
import { storedTopic } from "./topic-name.ts";

/** A topic that is paused now. Times are ISO 8601 in UTC. */
export interface PausedAnswer {
  topic: string;
  paused_at: string | null;
  /** When the pause ends by itself; null: when somebody resumes the topic. */
  paused_until: string | null;
  /** How many messages wait, scheduled ones included. */
  pending: number;
  /** How many calls were under way and could not be held back. */
  in_flight: number;
  totals: Totals;
}

/** A topic that is not paused (any more). */
export interface ResumedAnswer {
  topic: string;
  /** False: it was not paused. */
  resumed: boolean;
  pending: number;
  totals: Totals;
}

/** Pauses a topic for `forMs`; null: until it is resumed. Rejects as `Topics.pause` does. */
export async function pauseTopic(store: Topics, name: string, forMs: number | null): Promise<PausedAnswer> {
  const topic = await storedTopic(store, name);
  await store.pause(topic, forMs);
  const row = await store.topic(topic);
  const totals = await store.totals(topic);
  return {
    topic,
    paused_at: isoTime(row?.pausedAt ?? null),
    paused_until: isoTime(row?.pausedUntil ?? null),
    pending: totals.pending,
    in_flight: totals.sending,
    totals,
  };
}

/** Resumes a topic. Rejects as `Topics.resume` does. */
export async function resumeTopic(store: Topics, name: string): Promise<ResumedAnswer> {
  const topic = await storedTopic(store, name);
  const resumed = await store.resume(topic);
  const totals = await store.totals(topic);
  return { topic, resumed, pending: totals.pending, totals };
}

/** A year. Who wants to pause a topic for longer wants to pause it until further notice. */
const LONGEST_MS = 366 * 86_400_000;

/**
 * Whole milliseconds, from 1 to a year. Throws a `UserError` that names `option` (`--for`) when the text is no duration, or one
 * outside of these bounds.
 */
export function parsePause(text: string, option: string): number {
  const ms = parseDuration(text, option, 1);
  if (ms <= LONGEST_MS) return ms;
  throw new UserError(
    `${option} expects a year (366d) at most, got ${JSON.stringify(text)}`,
    "leave it out to pause the topic until it is resumed",
  );
}
