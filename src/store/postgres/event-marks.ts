/** Notes the marks of events on their messages, and counts marked messages on their topics. */
import type { KeptEvent } from "../kept-event.ts";
import { counterOf } from "../rules/event-counters.ts";
import { isVerdict, marksOf } from "../rules/event-marks.ts";
import type { Tx } from "./transaction.ts";
import { createEventCounts } from "./event-counts.ts";
import type { Feedback, FeedbackRows } from "./feedback-rows.ts";
import { storable } from "./storable.ts";

/** The marks of one transaction. */
export interface EventMarks {
  /**
   * Marks the message with the time when each thing first happened to it, and counts it on its topic the first time. An event
   * without any time counts as of `now` (ms since the epoch).
   */
  note(message: { id: number; topicId: number }, event: KeptEvent, now: number): void;
  /** Writes the counts, and notes that SES reported of these topics. */
  save(tx: Tx): Promise<void>;
}

const REPORT = `update sm.topic t set reported_at = $2::bigint where t.id = any ($1::int[]) and t.reported_at is null`;

/** Makes what marks messages in `rows`, which the caller reads before and writes after. */
export function createEventMarks(rows: FeedbackRows): EventMarks {
  const counts = createEventCounts();
  const reported = new Set<number>();
  let reportedAt = 0;
  return {
    note({ id, topicId }, event, now) {
      const known = rows.get(id);
      const at = event.at ?? event.mailedAt ?? now;
      const values: Partial<Feedback> = { ...sourceOf(event, known), ...bounceOf(event, at, known) };
      for (const mark of marksOf(event)) {
        const before = known?.[mark] ?? null;
        values[mark] = before === null ? at : Math.min(before, at);
        const counter = counterOf(mark);
        if (before === null && counter !== null) counts.add(topicId, counter, 1);
      }
      rows.note(id, values);
      if (reported.size === 0) reportedAt = now;
      reported.add(topicId);
    },
    async save(tx) {
      if (reported.size === 0) return;
      await Promise.all([counts.save(tx), tx.query(REPORT, [[...reported], reportedAt])]);
    },
  };
}

/** What the event tells of the mail itself. A visit may have made the row, and knows nothing of it. */
function sourceOf(event: KeptEvent, known: Readonly<Feedback> | null): Partial<Feedback> {
  return {
    ses_message_id: known?.ses_message_id || storable(event.sesMessageId),
    mailed_at: known?.mailed_at ?? event.mailedAt,
  };
}

/** Which bounce is shown of the message, when it is this one. */
function bounceOf(event: KeptEvent, at: number, known: Readonly<Feedback> | null): Partial<Feedback> {
  if (event.type !== "bounce") return {};
  const [bounceType, bounceSubType] = [event.bounceType, event.bounceSubType].map((text) => text && storable(text));
  const bounce = { at, bounceType: bounceType ?? null, bounceSubType: bounceSubType ?? null };
  const before = known ?? { bounced_at: null, soft_bounced_at: null, bounce_type: null, bounce_subtype: null };
  if (!isVerdict(before, bounce)) return {};
  return { bounce_type: bounce.bounceType, bounce_subtype: bounce.bounceSubType };
}
