/** Applying events: each counts once, whatever the order, before or after its message is known. */
import type { Clock } from "../clock.ts";
import type { SesEvent } from "../feedback/ses-event.ts";
import type { State } from "../message.ts";
import { type Connection, transaction } from "./connection.ts";
import { createCounters } from "./counters.ts";
import { suppressing } from "./suppressions.ts";

/** What a batch of events came to. `applied + duplicates + unmatched` is the number of events. */
export interface Applied {
  applied: number;
  duplicates: number;
  unmatched: number;
  /** Messages in doubt that an event proved sent. */
  settled: number;
  /** Addresses newly suppressed. */
  suppressed: number;
}

type EventCounter =
  | "delivered"
  | "bounced_permanent"
  | "bounced_transient"
  | "complained"
  | "opened"
  | "clicked"
  | "rejected"
  | "delayed";

interface Known {
  id: number;
  topic_id: number;
  state: State;
}

/** The columns of `feedback` that hold when a thing first happened. */
type Mark =
  | "delivered_at"
  | "bounced_at"
  | "soft_bounced_at"
  | "complained_at"
  | "opened_at"
  | "reader_opened_at"
  | "clicked_at"
  | "rejected_at"
  | "delayed_at";

const MARKS = [
  "delivered_at",
  "bounced_at",
  "soft_bounced_at",
  "complained_at",
  "opened_at",
  "reader_opened_at",
  "clicked_at",
  "rejected_at",
  "delayed_at",
] as const satisfies readonly Mark[];

/** Which counter of the topic a mark stands for. */
const COUNTER_OF: Partial<Record<Mark, EventCounter>> = {
  delivered_at: "delivered",
  bounced_at: "bounced_permanent",
  soft_bounced_at: "bounced_transient",
  complained_at: "complained",
  opened_at: "opened",
  clicked_at: "clicked",
  rejected_at: "rejected",
  delayed_at: "delayed",
};

type FeedbackRow = { message_id: number; ses_message_id: string; mailed_at: number | null } & {
  bounce_type: string | null;
  bounce_subtype: string | null;
} & Record<Mark, number | null>;

export function events(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }, jobId: string) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = suppressing(db, counters, clock);
  const prove = proving(db, counters);
  const marks = marking(db);
  const byTag = db.prepare<[number], Known>("select id, topic_id, state from message where id = ?");
  const bySesId = db.prepare<[string], Known>("select id, topic_id, state from message where ses_message_id = ?");
  const bySesIdOfEvent = db.prepare<[string], Known>(
    "select m.id, m.topic_id, m.state from feedback f join message m on m.id = f.message_id where f.ses_message_id = ?",
  );
  const record = db.prepare<[number, number, string, number | null, number, string | null]>(
    "insert into event (message_id, key, type, at, machine, detail) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
  );
  const keep = db.prepare<[string, string, string, number]>(
    "insert into unmatched (key, ses_message_id, body, received_at) values (?, ?, ?, ?) on conflict do nothing",
  );

  /** By our tags first; by the SES message id when the event has none (legacy notifications). */
  const find = (event: SesEvent): Known | undefined => {
    if (event.jobId === jobId && event.messageId !== null) return byTag.get(event.messageId);
    if (event.jobId !== null) return undefined;
    return bySesId.get(event.sesMessageId) ?? bySesIdOfEvent.get(event.sesMessageId);
  };

  const applyTo = (message: Known, event: SesEvent, result: Applied): void => {
    const detail = event.link ?? event.reason;
    const isNew =
      record.run(message.id, hash53(event.key), event.type, event.at, event.machine ? 1 : 0, detail).changes > 0;
    if (!isNew) {
      result.duplicates++;
      return;
    }
    result.applied++;
    marks.write(message, event);
    if (message.state !== "sent" && message.state !== "sending") {
      if (prove(message, event) && message.state === "in_doubt") result.settled++;
    }
  };

  const applyOne = (event: SesEvent, result: Applied): void => {
    const message = find(event);
    if (message) applyTo(message, event, result);
    else if (keep.run(event.key, event.sesMessageId, JSON.stringify(event), clock.now()).changes > 0)
      result.unmatched++;
    else result.duplicates++;
    // Last, so that a message this very event proves sent is not taken for one that still waits.
    for (const { address, reason, detail } of event.suppressions) {
      if (suppress({ address, reason, source: "event", detail })) result.suppressed++;
    }
  };

  /** Events that came before their message was known. */
  const matchKept = (): Applied => {
    const result = none();
    const rows = db
      .prepare<[], { key: string; body: string }>(
        `select u.key, u.body from unmatched u
         where exists (select 1 from message m where m.ses_message_id = u.ses_message_id)`,
      )
      .all();
    const forget = db.prepare<[string]>("delete from unmatched where key = ?");
    for (const row of rows) {
      const event = JSON.parse(row.body) as SesEvent;
      const message = find(event);
      if (!message) continue;
      applyTo(message, event, result);
      forget.run(row.key);
    }
    return result;
  };

  const write = <T>(work: () => T) =>
    transaction(
      db,
      clock,
      () => {
        const result = work();
        marks.flush();
        counters.write();
        return result;
      },
      job.onWait,
    );

  return {
    /** Applies the events in one transaction: all of them or, when it fails, none. */
    applyEvents: (batch: readonly SesEvent[]): Promise<Applied> =>
      write(() => {
        const result = none();
        for (const event of batch) applyOne(event, result);
        return result;
      }),
    /** Gives events that came before their message was known to it, now that it may be. */
    matchKeptEvents: (): Promise<Applied> => write(matchKept),
  };
}

/** An event proves that SES took the message in, whatever we believed. Returns whether the message is `sent` now. */
function proving(db: Connection, counters: ReturnType<typeof createCounters>) {
  const sent = db.prepare<[string, number, number, State]>(
    `update message set state = 'sent', ses_message_id = ?, sent_at = ?, error = null, attempts = max(attempts, 1)
     where id = ? and state = ?`,
  );
  const ofTopic = db.prepare<[{ at: number; id: number }]>(
    `update topic set first_sent_at = min(ifnull(first_sent_at, @at), @at), last_sent_at = max(ifnull(last_sent_at, @at), @at)
     where id = @id`,
  );
  return (message: Known, event: SesEvent): boolean => {
    // A template SES could not fill: it was accepted, but no mail was made of it.
    const at = event.mailedAt ?? event.at ?? Date.now();
    if (sent.run(event.sesMessageId, at, message.id, message.state).changes === 0) return false;
    counters.move(message.topic_id, message.state, "sent");
    ofTopic.run({ at, id: message.topic_id });
    return true;
  };
}

/** Notes on the message when things first happened, and counts the message on its topic the first time each does. */
function marking(db: Connection) {
  const read = db.prepare<[number], FeedbackRow>("select * from feedback where message_id = ?");
  const insert = db.prepare(
    `insert into feedback (message_id, ses_message_id, mailed_at, bounce_type, bounce_subtype, ${MARKS.join(", ")})
     values (@message_id, @ses_message_id, @mailed_at, @bounce_type, @bounce_subtype, ${MARKS.map((mark) => `@${mark}`).join(", ")})`,
  );
  const update = db.prepare(
    `update feedback set bounce_type = @bounce_type, bounce_subtype = @bounce_subtype,
     ${MARKS.map((mark) => `${mark} = @${mark}`).join(", ")} where message_id = @message_id`,
  );
  const count = new Map<EventCounter, { run(n: number, topicId: number): unknown }>();
  const deltas = new Map<string, { topicId: number; counter: EventCounter; count: number }>();

  const countOnce = (topicId: number, mark: Mark): void => {
    const counter = COUNTER_OF[mark];
    if (counter === undefined) return;
    const key = `${topicId} ${counter}`;
    const delta = deltas.get(key) ?? { topicId, counter, count: 0 };
    delta.count++;
    deltas.set(key, delta);
  };

  return {
    write(message: Known, event: SesEvent): void {
      const known = read.get(message.id);
      const row = known ?? blank(message.id, event);
      const found = marksOf(event);
      const at = event.at ?? event.mailedAt ?? 0;
      for (const mark of found) {
        if (row[mark] === null) countOnce(message.topic_id, mark);
        row[mark] = row[mark] === null ? at : Math.min(row[mark], at);
      }
      // A permanent bounce is the verdict; a passing one shows only while there is none.
      if (event.type === "bounce" && (found.includes("bounced_at") || row.bounced_at === null)) {
        row.bounce_type = event.bounceType;
        row.bounce_subtype = event.bounceSubType;
      }
      if (!known) insert.run(row);
      else if (found.length > 0) update.run(row);
    },
    /** Adds what was counted to the topics. */
    flush(): void {
      for (const { topicId, counter, count: n } of deltas.values()) {
        let statement = count.get(counter);
        if (!statement)
          count.set(
            counter,
            (statement = db.prepare<[number, number]>(`update topic set ${counter} = ${counter} + ? where id = ?`)),
          );
        statement.run(n, topicId);
      }
      deltas.clear();
    },
  };
}

function marksOf(event: SesEvent): readonly Mark[] {
  switch (event.type) {
    case "delivery":
      return ["delivered_at"];
    case "bounce":
      return event.bounceType === "Permanent" ? ["bounced_at"] : ["soft_bounced_at"];
    case "complaint":
      return event.complaintType?.toLowerCase() === "not-spam" ? [] : ["complained_at"];
    case "open":
      return event.machine ? ["opened_at"] : ["opened_at", "reader_opened_at"];
    case "click":
      return ["clicked_at"];
    case "reject":
    case "rendering_failure":
      return ["rejected_at"];
    case "delivery_delay":
      return ["delayed_at"];
    default:
      return [];
  }
}

function blank(messageId: number, event: SesEvent): FeedbackRow {
  const marks = Object.fromEntries(MARKS.map((mark) => [mark, null])) as Record<Mark, null>;
  return {
    message_id: messageId,
    ses_message_id: event.sesMessageId,
    mailed_at: event.mailedAt,
    bounce_type: null,
    bounce_subtype: null,
    ...marks,
  };
}

function none(): Applied {
  return { applied: 0, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
}

/** cyrb53 (public domain, bryc): 53 bits of a string, fast. Not cryptographic; only told apart from a message's other events. */
function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
