/** Says in one word what a topic is doing, and why nothing of it leaves. */
import type { TopicRow } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import type { Gateway } from "./gateway.ts";

/** What a topic is doing, the most important of what is true of it first. */
export const TOPIC_STATES = [
  /** Nothing was ever added to it. */
  "empty",
  "cancelled",
  "paused",
  /** Everything that could be sent was sent. */
  "finished",
  /** It belongs to the sandbox and this gateway sends to SES, or the other way round. */
  "elsewhere",
  /** Too many of its mails bounced or drew complaints. */
  "held",
  /** Its time has not come yet. */
  "scheduled",
  /** Nothing leaves, of this topic and all others. */
  "halted",
  "sending",
  "waiting",
] as const;

/** One of `TOPIC_STATES`. */
export type TopicState = (typeof TOPIC_STATES)[number];

type Seen = Pick<Gateway, "held" | "sender" | "clock" | "settings">;

/** The state of a topic. `reason` says why nothing of it leaves; null: nothing is in its way. */
export function topicState(row: TopicRow, gateway: Seen): { state: TopicState; reason: string | null } {
  const state = wordFor(row, gateway);
  return { state, reason: reasonOf(state, row, gateway) };
}

function wordFor(row: TopicRow, { held, sender, clock, settings }: Seen): TopicState {
  if (row.total === 0) return "empty";
  if (row.cancelledAt !== null) return "cancelled";
  if (row.pausedAt !== null) return "paused";
  if (row.pending + row.sending === 0) return "finished";
  if (row.endpoint !== null && row.endpoint !== settings.endpoint) return "elsewhere";
  if (held().has(row.topic)) return "held";
  if (row.sending === 0 && row.notBefore !== null && row.notBefore > clock.now()) return "scheduled";
  const { state } = sender.status();
  if (state === "halted" || state === "stopped") return "halted";
  return row.sending > 0 ? "sending" : "waiting";
}

function reasonOf(state: TopicState, { pausedUntil, endpoint }: TopicRow, { sender }: Seen): string | null {
  switch (state) {
    case "paused":
      return pausedUntil === null ? "paused until somebody resumes it" : `paused until ${isoTime(pausedUntil)}`;
    case "held":
      return "held: too many of its mails bounced or were complained about";
    case "elsewhere":
      return endpoint === "sandbox"
        ? "it went to the sandbox, and this gateway sends to SES"
        : "it went to SES, and this gateway sends to the sandbox";
    case "halted":
      return sender.status().reason ?? "sending has stopped";
    default:
      return null;
  }
}
