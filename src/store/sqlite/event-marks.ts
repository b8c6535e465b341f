/** When things first happened to a message, and how many messages of a topic each happened to. */
import type { Connection } from "./connection.ts";
import type { KeptEvent } from "./kept-events.ts";
import {
  type Bounces,
  counterOf,
  type EventCounter,
  isVerdict,
  type Mark,
  MARKS,
  marksOf,
} from "../rules/event-counters.ts";

/**
 * Notes on the message when things first happened, and counts the message on its topic the first time each does. Nearly
 * always one statement an event: to read the row, change it and write it back is three times slower.
 */
export function createEventMarks(db: Connection) {
  const insert = db.prepare<[number, string, number | null]>(
    "insert into feedback (message_id, ses_message_id, mailed_at) values (?, ?, ?) on conflict do nothing",
  );
  const writers = new Map(MARKS.map((mark) => [mark, createMarkWriter(db, mark)]));
  const showBounce = createVerdicts(db);
  const counters = createEventCounters(db);

  return {
    /** To be called when a transaction begins: forgets what one that failed left behind. */
    begin: counters.begin,
    write(id: number, topicId: number, event: KeptEvent, now: number): void {
      const { sesMessageId, mailedAt } = event;
      const marks = marksOf(event);
      const at = event.at ?? mailedAt ?? now;
      if (marks.length === 0 || event.type === "bounce") insert.run(id, sesMessageId, mailedAt);
      if (event.type === "bounce") showBounce(id, event, at);
      for (const mark of marks) {
        const isFirst = writers.get(mark)!(id, event, at);
        if (isFirst) counters.count(topicId, mark);
      }
    },
    /** Adds what was counted to the topics, in the transaction that wrote the marks. */
    flush: counters.write,
  };
}

/** Writes one mark; an earlier time than the known one moves it back. Returns whether it is the message's first. */
function createMarkWriter(
  db: Connection,
  mark: Mark,
): (id: number, event: Pick<KeptEvent, "sesMessageId" | "mailedAt">, at: number) => boolean {
  // A visit through our own links made the row without knowing what SES called the message.
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

/** Notes which bounce is shown of the message; to be called before the bounce is marked. */
function createVerdicts(db: Connection): (id: number, event: KeptEvent, at: number) => void {
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

/** Collects what is to be counted and writes it once a topic and counter. */
function createEventCounters(db: Connection) {
  const statements = new Map<EventCounter, { run(count: number, topicId: number): unknown }>();
  const deltas = new Map<string, { topicId: number; counter: EventCounter; count: number }>();

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
      const key = `${topicId} ${counter}`;
      const delta = deltas.get(key) ?? { topicId, counter, count: 0 };
      delta.count++;
      deltas.set(key, delta);
    },
    write(): void {
      for (const { topicId, counter, count } of deltas.values()) statementOf(counter).run(count, topicId);
      deltas.clear();
    },
  };
}
