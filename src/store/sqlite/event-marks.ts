/** Writes the marks of events on their messages, and counts marked messages on their topics. */
import type { Connection } from "./connection.ts";
import type { KeptEvent } from "../kept-event.ts";
import { counterOf, type EventCounter, type Mark, MARKS } from "../rules/event-counters.ts";
import { type Bounces, isVerdict, marksOf } from "../rules/event-marks.ts";

/**
 * Makes what marks a message with the time when each thing first happened to it, and counts the message on its topic the first
 * time. Nearly every event takes one statement; reading, changing and writing back the row would be three times slower.
 */
export function createEventMarks(db: Connection) {
  const insert = db.prepare<[number, string, number | null]>(
    "insert into feedback (message_id, ses_message_id, mailed_at) values (?, ?, ?) on conflict do nothing",
  );
  const writers = new Map(MARKS.map((mark) => [mark, createMarkWriter(db, mark)]));
  const showBounce = createVerdictWriter(db);
  const counters = createEventCounters(db);
  const report = db.prepare<[number, number]>("update topic set reported_at = ? where id = ? and reported_at is null");
  const reported = new Map<number, number>();

  return {
    /** To be called when a transaction begins. Forgets what a failed one left behind. */
    begin(): void {
      counters.begin();
      reported.clear();
    },
    /** Marks the message. An event without any time counts as of `now` (ms since the epoch). */
    write(id: number, topicId: number, event: KeptEvent, now: number): void {
      const { sesMessageId, mailedAt } = event;
      const marks = marksOf(event);
      if (!reported.has(topicId)) reported.set(topicId, now);
      const at = event.at ?? mailedAt ?? now;
      if (marks.length === 0 || event.type === "bounce") insert.run(id, sesMessageId, mailedAt);
      if (event.type === "bounce") showBounce(id, event, at);
      for (const mark of marks) {
        const isFirst = writers.get(mark)!(id, event, at);
        if (isFirst) counters.count(topicId, mark);
      }
    },
    /** Adds the counts to the topics, and notes that SES reported of them. To be called in the transaction that wrote the marks. */
    flush(): void {
      counters.write();
      for (const [topicId, at] of reported) report.run(at, topicId);
      reported.clear();
    },
  };
}

/** Makes a function that writes one mark, and keeps the earlier time. It returns true when the message had no such mark. */
function createMarkWriter(
  db: Connection,
  mark: Mark,
): (id: number, event: Pick<KeptEvent, "sesMessageId" | "mailedAt">, at: number) => boolean {
  // The row may be of a visit, which leaves the SES message id empty.
  const set = db.prepare<[number, string, number | null, number]>(
    `update feedback set ${mark} = ?, ses_message_id = iif(ses_message_id = '', ?, ses_message_id),
       mailed_at = ifnull(mailed_at, ?)
     where message_id = ? and ${mark} is null`,
  );
  const insertWith = db.prepare<[number, string, number | null, number]>(
    `insert into feedback (message_id, ses_message_id, mailed_at, ${mark}) values (?, ?, ?, ?) on conflict do nothing`,
  );
  const moveBack = db.prepare<[number, number, number]>(
    `update feedback set ${mark} = ? where message_id = ? and ${mark} > ?`,
  );
  return (id, { sesMessageId, mailedAt }, at) => {
    if (
      set.run(at, sesMessageId, mailedAt, id).changes > 0 ||
      insertWith.run(id, sesMessageId, mailedAt, at).changes > 0
    )
      return true;
    moveBack.run(at, id, at);
    return false;
  };
}

/** Makes a function that writes which bounce is shown of a message. To be called before the bounce is marked. */
function createVerdictWriter(db: Connection): (id: number, event: KeptEvent, at: number) => void {
  const read = db.prepare<[number], Bounces>(
    "select bounced_at, soft_bounced_at, bounce_type, bounce_subtype from feedback where message_id = ?",
  );
  const write = db.prepare<[string | null, string | null, number]>(
    "update feedback set bounce_type = ?, bounce_subtype = ? where message_id = ?",
  );
  return (id, { bounceType, bounceSubType }, at) => {
    const known = read.get(id);
    if (known && isVerdict(known, { at, bounceType, bounceSubType })) write.run(bounceType, bounceSubType, id);
  };
}

/** Collects counts, and writes them with one statement for each topic and counter. */
function createEventCounters(db: Connection) {
  const statements = new Map<EventCounter, { run(count: number, topicId: number): unknown }>();
  /** By counter and topic. */
  const deltas = new Map<EventCounter, Map<number, number>>();

  const statementOf = (counter: EventCounter) => {
    let statement = statements.get(counter);
    if (!statement) {
      statement = db.prepare<[number, number]>(`update topic set ${counter} = ${counter} + ? where id = ?`);
      statements.set(counter, statement);
    }
    return statement;
  };

  return {
    begin: (): void => deltas.clear(),
    count(topicId: number, mark: Mark): void {
      const counter = counterOf(mark);
      if (counter === null) return;
      const counts = deltas.get(counter) ?? new Map<number, number>();
      counts.set(topicId, (counts.get(topicId) ?? 0) + 1);
      deltas.set(counter, counts);
    },
    write(): void {
      for (const [counter, counts] of deltas)
        for (const [topicId, count] of counts) statementOf(counter).run(count, topicId);
      deltas.clear();
    },
  };
}
