import type { Connection } from "./connection.ts";
import type { createCounters } from "./counters.ts";

/**
 * An event can be here before the answer: then SES did take the message, whatever became of the answer. Returns whether
 * the message, held in `sending`, is `sent` now.
 */
export function provenByEvent(db: Connection, counters: ReturnType<typeof createCounters>) {
  const update = db.prepare<[number]>(
    `update message set state = 'sent', claimed_by = null, attempts = attempts + 1, error = null,
       ses_message_id = nullif(f.ses_message_id, ''), sent_at = ifnull(f.mailed_at, unixepoch() * 1000)
     from feedback f where f.message_id = message.id and message.id = ? and message.state = 'sending'`,
  );
  const ofTopic = db.prepare<[{ id: number; topicId: number }]>(
    `update topic set first_sent_at = min(ifnull(first_sent_at, s.sent_at), s.sent_at), last_sent_at = max(ifnull(last_sent_at, s.sent_at), s.sent_at)
     from (select sent_at from message where id = @id) s where topic.id = @topicId`,
  );
  return (id: number, { topic_id: topicId }: { topic_id: number }): boolean => {
    if (update.run(id).changes === 0) return false;
    ofTopic.run({ id, topicId });
    counters.move(topicId, "sending", "sent");
    return true;
  };
}
