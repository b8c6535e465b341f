/** Applying events: each counts once, whatever the order, before or after its message is known. */
import type { Clock } from "../../time/clock.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { State } from "../../message.ts";
import { type Connection, transaction } from "./connection.ts";
import { createCounters } from "./counters.ts";
import { hash53 } from "./hash.ts";
import type { Applied } from "../store.ts";
import { suppressing } from "./suppressions.ts";

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
  email: string;
  state: State;
}

/** A row of `unmatched`. */
interface Kept {
  key: string;
  body: string;
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

interface Verdict {
  bounced_at: number | null;
  soft_bounced_at: number | null;
  bounce_type: string | null;
  bounce_subtype: string | null;
}

export function createEventSink(
  job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void },
  jobId: string,
) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = suppressing(db, counters, clock);
  const prove = proving(db, counters);
  const marks = marking(db);
  const byTag = db.prepare<[number], Known>("select id, topic_id, email, state from message where id = ?");
  const bySesId = db.prepare<[string], Known>(
    "select id, topic_id, email, state from message where ses_message_id = ?",
  );
  const record = db.prepare<[number, number, string, number | null, number, string | null]>(
    "insert into event (message_id, key, type, at, machine, detail) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
  );
  const keep = db.prepare<[string, string, string, number]>(
    "insert into unmatched (key, ses_message_id, body, received_at) values (?, ?, ?, ?) on conflict do nothing",
  );

  /** By our tags first; by the SES message id when the event has none (legacy notifications). */
  const find = (event: SesEvent): Known | undefined => {
    if (event.jobId === jobId && event.messageId !== null) {
      const message = byTag.get(event.messageId);
      return message && isTo(message, event) ? message : undefined;
    }
    return event.jobId === null ? bySesId.get(event.sesMessageId) : undefined;
  };

  const applyTo = (message: Known, event: SesEvent, result: Applied): boolean => {
    const detail = event.link ?? event.reason;
    const isNew =
      record.run(message.id, hash53(event.key), event.type, event.at, event.machine ? 1 : 0, detail).changes > 0;
    if (!isNew) {
      result.duplicates++;
      return false;
    }
    result.applied++;
    const now = clock.now();
    marks.write(message, event, now);
    if (message.state !== "sent" && message.state !== "sending") {
      if (prove(message, event, now) && message.state === "in_doubt") result.settled++;
    }
    return true;
  };

  const keepForLater = (event: SesEvent, result: Applied): boolean => {
    const isNew = keep.run(event.key, event.sesMessageId, JSON.stringify(event), clock.now()).changes > 0;
    if (isNew) result.unmatched++;
    else result.duplicates++;
    return isNew;
  };

  const applyOne = (event: SesEvent, result: Applied): void => {
    const message = find(event);
    const isNew = message ? applyTo(message, event, result) : keepForLater(event, result);
    // A copy suppresses nobody: the address may have been let in again since.
    if (!isNew) return;
    // Last, so that a message this very event proves sent is not taken for one that still waits.
    for (const { address, reason, detail } of event.suppressions) {
      if (suppress({ address, reason, source: "event", detail })) result.suppressed++;
    }
  };

  const matchingAny = db.prepare<[], Kept>(
    `select u.key, u.body from unmatched u
     where exists (select 1 from message m where m.ses_message_id = u.ses_message_id)`,
  );
  // From the messages to the events: those of other programs pile up, and must not be read again each time.
  const matchingSince = db.prepare<[number], Kept>(
    `select u.key, u.body from message m indexed by message_sent cross join unmatched u
     where m.sent_at >= ? and u.ses_message_id = m.ses_message_id`,
  );

  /** Events that came before their message was known. */
  const matchKept = (rows: Kept[]): Applied => {
    const result = none();
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
        counters.begin();
        marks.begin();
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
    async matchKeptEvents(sentSince: number | null = null): Promise<Applied> {
      const rows = () => (sentSince === null ? matchingAny.all() : matchingSince.all(sentSince));
      // Nearly always there are none, which is not worth a durable commit.
      return rows().length === 0 ? none() : write(() => matchKept(rows()));
    },
  };
}

/**
 * A job file put back from a backup gives message ids again: an event of a mail that was sent before the loss must not be
 * taken for one of the mail that has its id now, or that one would never be sent.
 */
function isTo({ email }: Known, { destination }: SesEvent): boolean {
  return destination.length === 0 || destination.includes(email) || destination.includes(email.toLowerCase());
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
  return (message: Known, event: SesEvent, now: number): boolean => {
    const at = event.mailedAt ?? event.at ?? now;
    if (sent.run(event.sesMessageId, at, message.id, message.state).changes === 0) return false;
    counters.move(message.topic_id, message.state, "sent");
    ofTopic.run({ at, id: message.topic_id });
    return true;
  };
}

/**
 * Notes on the message when things first happened, and counts the message on its topic the first time each does. Nearly
 * always one statement an event: to read the row, change it and write it back is three times slower.
 */
function marking(db: Connection) {
  const insert = db.prepare<[number, string, number | null]>(
    "insert into feedback (message_id, ses_message_id, mailed_at) values (?, ?, ?) on conflict do nothing",
  );
  const marks = new Map(MARKS.map((mark) => [mark, markStatements(db, mark)]));
  const showBounce = verdicts(db);
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
    /** Forgets what a transaction that failed left behind. */
    begin: () => deltas.clear(),
    write({ id, topic_id: topicId }: Known, event: SesEvent, now: number): void {
      const { sesMessageId, mailedAt } = event;
      const found = marksOf(event);
      if (found.length === 0) insert.run(id, sesMessageId, mailedAt);
      const at = event.at ?? mailedAt ?? now;
      if (event.type === "bounce") {
        insert.run(id, sesMessageId, mailedAt);
        showBounce(id, event, at);
      }
      for (const mark of found) {
        const { set, insertWith, moveBack } = marks.get(mark)!;
        const isFirst =
          set.run({ id, at, sesMessageId, mailedAt }).changes > 0 ||
          insertWith.run(id, sesMessageId, mailedAt, at).changes > 0;
        if (isFirst) countOnce(topicId, mark);
        else moveBack.run(at, id, at);
      }
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

function markStatements(db: Connection, mark: Mark) {
  return {
    // A visit through our own links made the row without knowing what SES called the message.
    set: db.prepare<[{ id: number; at: number; sesMessageId: string; mailedAt: number | null }]>(
      `update feedback set ${mark} = @at, ses_message_id = iif(ses_message_id = '', @sesMessageId, ses_message_id),
         mailed_at = ifnull(mailed_at, @mailedAt)
       where message_id = @id and ${mark} is null`,
    ),
    insertWith: db.prepare<[number, string, number | null, number]>(
      `insert into feedback (message_id, ses_message_id, mailed_at, ${mark}) values (?, ?, ?, ?) on conflict do nothing`,
    ),
    moveBack: db.prepare<[number, number, number]>(
      `update feedback set ${mark} = ? where message_id = ? and ${mark} > ?`,
    ),
  };
}

/** Notes which bounce is shown of the message; to be called before the bounce is marked. */
function verdicts(db: Connection) {
  const read = db.prepare<[number], Verdict>(
    "select bounced_at, soft_bounced_at, bounce_type, bounce_subtype from feedback where message_id = ?",
  );
  const write = db.prepare<[string | null, string | null, number]>(
    "update feedback set bounce_type = ?, bounce_subtype = ? where message_id = ?",
  );
  return (id: number, event: SesEvent, at: number): void => {
    const row = read.get(id);
    if (row && isVerdict(row, event, at)) write.run(event.bounceType, event.bounceSubType, id);
  };
}

/**
 * Whether this bounce is the one to show: a permanent one before any other, then the earliest, then any rule that does not
 * depend on the order in which they came. `row` is what is known without it.
 */
function isVerdict(row: Verdict, event: SesEvent, at: number): boolean {
  const isPermanent = event.bounceType === "Permanent";
  if (!isPermanent && row.bounced_at !== null) return false;
  const shown = isPermanent ? row.bounced_at : row.soft_bounced_at;
  if (shown === null || at !== shown) return shown === null || at < shown;
  return `${event.bounceType} ${event.bounceSubType}` < `${row.bounce_type} ${row.bounce_subtype}`;
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

function none(): Applied {
  return { applied: 0, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
}
