/** A message, and what happened to it, as the API and `trace --json` show it. */
import { STATES } from "../message.ts";
import { HISTORY_SOURCES, type HistoryLine } from "../report/history.ts";
import type { MessageRecord } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import { TEXT } from "./admin-schemas.ts";
import type { HistoryFacts, MessageFacts } from "./dashboard/wire.ts";
import { COUNT, INSTANT, object } from "./schemas.ts";

/** The schema of `MessageFacts`. */
export const MESSAGE = object({
  id: { ...COUNT, examples: [1] },
  uuid: { ...TEXT, description: "Your own name for it; null: it was given none" },
  topic: { type: "string" },
  email: { type: "string", examples: ["ann@example.com"] },
  state: { type: "string", enum: STATES },
  attempts: COUNT,
  error: { ...TEXT, description: "Why it failed, is in doubt or was put off" },
  ses_message_id: TEXT,
  created_at: { ...INSTANT, description: "When it was taken in" },
  not_before: { ...INSTANT, description: "The time it was scheduled for; null: at once" },
  expires_at: INSTANT,
  sent_at: INSTANT,
  delivered_at: INSTANT,
  bounced_at: INSTANT,
  bounce_type: { ...TEXT, examples: ["Permanent"] },
  complained_at: INSTANT,
  opened_at: INSTANT,
  clicked_at: INSTANT,
});

/** The schema of `HistoryFacts`. */
export const HISTORY_LINE = object({
  at: { ...INSTANT, description: "Null: it happened, and nobody knows when" },
  what: { type: "string", examples: ["delivered"] },
  source: {
    type: "string",
    enum: HISTORY_SOURCES,
    description: "Where it is known from",
  },
  text: { type: "string", description: "For people" },
  detail: { ...TEXT, description: "What the source says: the file, the uuid, the diagnostic, the link" },
  machine: { type: "boolean", description: "A program opened or clicked, not a reader" },
  times: COUNT,
});

/** The message as the API shows it. */
export function messageFacts(message: MessageRecord): MessageFacts {
  const { id, uuid, topic, email, state, attempts, error } = message;
  return {
    id,
    uuid,
    topic,
    email,
    state,
    attempts,
    error,
    ses_message_id: message.sesMessageId,
    created_at: isoTime(message.createdAt),
    not_before: isoTime(message.notBefore),
    expires_at: isoTime(message.expiresAt),
    sent_at: isoTime(message.sentAt),
    delivered_at: isoTime(message.deliveredAt),
    bounced_at: isoTime(message.bouncedAt),
    bounce_type: message.bounceType,
    complained_at: isoTime(message.complainedAt),
    opened_at: isoTime(message.openedAt),
    clicked_at: isoTime(message.clickedAt),
  };
}

/** What happened to a message as the API shows it. */
export function historyFacts(lines: readonly HistoryLine[]): HistoryFacts[] {
  return lines.map((line) => ({ ...line, at: isoTime(line.at) }));
}
