/**
 * Removes the rehearsal of a topic. A million messages take many transactions: the first one closes the topic, each further one
 * brings a range of messages back to where they began, and the last one opens the topic for the real thing. Whoever is killed in
 * between leaves a topic that nobody sends, and the next call goes on.
 */
import { prioritySql } from "../common-sql.ts";
import { type State, STATES, type Totals } from "../../message.ts";
import { createParts } from "../parts.ts";
import { EVENT_COUNTERS, type EventCounts } from "../rules/event-counters.ts";
import { EXPIRED } from "../rules/settle.ts";
import { PLAYED } from "../rules/states.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import type { Rehearsal, Sender } from "../rows.ts";
import type { Topics } from "../store.ts";
import { ADMITTING } from "./list-topics.ts";
import { IS_VARIANT } from "./variants.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { finishJoining } from "./joining.ts";
import { finishTimes } from "./moving.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { ANY_FORGOTTEN, concernsSql, forgottenSql, mailWith, suppressedSql } from "./suppressed.ts";
import { createRangeWalk, PART_SIZES, type Range } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";

/** What is counted of a topic besides the states of its messages. */
const COUNTED = [...new Set([...EVENT_COUNTERS, "reader_opens", "machine_opens", "clicks", "unsubscribed"])];
/** When things happened to a topic. */
const HAPPENED = ["first_sent_at", "last_sent_at", "reported_at", "called_at"];

/** Makes the part of the store that removes rehearsals. `recover` puts in doubt what dead processes left in flight. */
export function createAfresh(
  job: Job,
  recover: () => Promise<number>,
): Pick<Topics, "startAfresh" | "staySuppressed" | "senders"> {
  const { db } = job;
  const write = createWriter(job);
  const close = createClose(job);
  const open = db.prepare<[number, number]>(
    `update topic set endpoint = null, afresh_at = null,
       ${COUNTED.map((name) => `${name} = 0`).join(", ")}, ${HAPPENED.map((name) => `${name} = null`).join(", ")}
     where id = ? and afresh_at = ?`,
  );
  const due = db.prepare<[number, number]>("update topic set not_before = ? where id = ?");
  const mine = db
    .prepare<[number, number], 0 | 1>("select cancelled_at is not null from topic where id = ? and afresh_at = ?")
    .pluck();
  const inFlight = db.prepare<[number], Sender>(
    `select distinct p.host, p.pid from message m join process p on p.id = m.claimed_by
     where m.state = 'sending' and m.topic_id = ? order by p.id`,
  );

  const suppressed = db
    .prepare<[number], number>(
      `select count(distinct m.id) from suppression s cross join recipient r on r.address = s.address and r.topic_id = ?
       join message m on m.id = r.message_id join topic t on t.id = m.topic_id
       where s.rehearsal = 0 and m.state <> 'cancelled'
         and ${concernsSql({ list: "s.list", reason: "s.reason" }, mailWith(FINAL_CONTENT))}`,
    )
    .pluck();
  const forgotten = createForgottenCount(db);

  return {
    async startAfresh(topic, { signal, notBefore, expiresInMs = null }) {
      const topicId = topicIdOf(db, topic);
      await recover();
      const closed = await write(() => close(topicId, topic));
      if (closed === null) return null;
      // Whoever finished it later would undo the time that is given here.
      await finishTimes(job, topicId, signal);
      await finishJoining(job, topicId, signal);
      const { rehearsal, since } = closed;
      // What is added later is new, and has nothing to be removed.
      const walk = createRangeWalk(db, [topicId], STATES);
      const inParts = createParts(signal, PART_SIZES);
      while (await walk.find()) {
        const part = (rows: number, begun: () => void) =>
          write((counters) => {
            begun();
            const isCancelled = mine.get(topicId, since);
            // Another process may have ended it, and what is in the topic now is real.
            if (isCancelled === undefined) return false;
            // What waits in a cancelled topic would wait for ever.
            if (isCancelled === 1) throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: "ses" });
            const target = { topicId, notBefore, expiresIn: expiresInMs, now: job.clock.now() };
            clearAll(db, counters, target, walk.take(rows));
            return true;
          });
        if (!(await inParts(part))) return rehearsal;
      }
      await write((counters) => {
        if (open.run(topicId, since).changes === 0) return;
        if (notBefore !== null) due.run(notBefore, topicId);
        uncountRemoved(db, counters, topicId);
      });
      return rehearsal;
    },
    async staySuppressed(topic) {
      const topicId = topicIdOf(db, topic);
      return (suppressed.get(topicId) ?? 0) + forgotten(topicId);
    },
    senders: async (topic) => inFlight.all(topicIdOf(db, topic)),
  };
}

/** In SQL, the id of the content that message `m` of topic `t` has in the end: the topic's own may be a newer one than it was sent with. */
const FINAL_CONTENT = `case when m.content_id = t.content_id or ${IS_VARIANT} then m.content_id else t.content_id end`;

/** Makes a function that counts the messages of a topic to people who were forgotten. */
function createForgottenCount(db: Connection): (topicId: number) => number {
  const any = db.prepare<[], 0 | 1>(`select ${ANY_FORGOTTEN}`).pluck();
  // They were suppressed when they were added, or forgotten since; of those who were forgotten before nothing is left.
  const count = db
    .prepare<[number, number], number>(
      `select count(*) from ingest i join message m on m.id between i.first_id and i.last_id
       where i.topic_id = ? and m.topic_id = ? and m.state <> 'cancelled' and ${forgottenSql("lower(m.email)")}`,
    )
    .pluck();
  return (topicId) => (any.get() === 1 ? (count.get(topicId, topicId) ?? 0) : 0);
}

/** Makes a function that runs `work` in a transaction with counters of its own. */
function createWriter(job: Job): <T>(work: (counters: Counters) => T) => Promise<T> {
  const counters = createCounters(job.db);
  return (work) =>
    transaction(job, () => {
      counters.begin();
      const result = work(counters);
      counters.write();
      return result;
    });
}

type ClosingTopic = AdmittingTopic & Totals & EventCounts;

/**
 * Makes a function that closes a rehearsed topic, inside a transaction, and says what there is to be removed; null: it is not
 * rehearsed. `since` tells this removal from a later one.
 */
function createClose({
  db,
  clock,
}: Job): (topicId: number, topic: string) => { rehearsal: Rehearsal; since: number } | null {
  const read = db.prepare<[number], ClosingTopic>(
    `select ${ADMITTING}, sent, failed, in_doubt, ${EVENT_COUNTERS.join(", ")} from topic where id = ?`,
  );
  const mark = db.prepare<[number, number]>("update topic set afresh_at = ? where id = ?");
  return (topicId, topic) => {
    const row = read.get(topicId);
    const admission = admit(row, { adds: true, endpoint: "ses", content: null });
    if (row === undefined || admission === "fine") return null;
    if (row.prunedAt !== null) throw new TopicRefusedError({ topic, refusal: "pruned", endpoint: "ses" });
    if (admission !== "rehearsed") throw new TopicRefusedError({ topic, refusal: admission, endpoint: "ses" });
    const since = row.afreshAt ?? clock.now();
    mark.run(since, topicId);
    const { sent, failed, in_doubt } = row;
    const events = Object.fromEntries(EVENT_COUNTERS.map((name) => [name, row[name]])) as EventCounts;
    return { rehearsal: { sent, failed, in_doubt, ...events }, since };
  };
}

const DUE = "max(not_before, ifnull(@notBefore, 0))";
const SPAN = "ifnull(@expiresIn, expires_in)";
/**
 * A message as it was when it was added. Of the times at which it was to be sent, only those that a person chose stay. What expires
 * after a span has all of it again.
 */
const UNPLAYED = `attempts = 0, ses_message_id = null, error = null, sent_at = null, not_before = ${DUE}, expires_in = ${SPAN},
  expires_at = iif(${SPAN} is null, expires_at, max(${DUE}, @now) + ${SPAN})`;

interface Target {
  topicId: number;
  notBefore: number | null;
  expiresIn: number | null;
  now: number;
}

/** Removes what the rehearsal left in these ranges, inside a transaction. */
function clearAll(db: Connection, counters: Counters, target: Target, ranges: readonly Range[]): void {
  const { topicId } = target;
  const of = "id between @first and @last and topic_id = @topicId";
  type Where = [Omit<Range, "columns"> & Target];
  const stopped = suppressedSql("lower(email)", "null", mailWith("content_id"));
  // It waited for the rehearsal alone. What a person cancelled, and what expires at an instant, stays so.
  const revived = `error = '${EXPIRED}' and ${SPAN} is not null`;
  const back = (from: State, to: State) =>
    db.prepare<Where>(
      `update message set state = '${to}', ${UNPLAYED}
       where ${of} and state = '${from}' and ${to === "suppressed" ? stopped : `not ${stopped}`} ${from === "cancelled" ? `and ${revived}` : ""}`,
    );
  const moves = [...PLAYED, "cancelled" as const].flatMap((from) =>
    (["pending", "suppressed"] as const).filter((to) => to !== from).map((to) => ({ from, to, write: back(from, to) })),
  );
  // What was sent kept the content it was sent with when the topic got another one. Its list and kind decide whom it goes to.
  const own = db.prepare<Where>(
    `update message as m set content_id = (select content_id from topic where id = @topicId),
       priority = ${prioritySql("priority", mailWith("(select topic.content_id from topic where topic.id = @topicId)").kind)}
     where ${of} and content_id <> (select content_id from topic where id = @topicId) and not ${IS_VARIANT}`,
  );
  const others = [
    // Some were put back, and wait for another attempt.
    `update message set ${UNPLAYED} where ${of} and state in ('pending', 'cancelled', 'suppressed')
       and not (state = 'cancelled' and error is '${EXPIRED}')
       and (attempts > 0 or error is not null or ses_message_id is not null or not_before < ifnull(@notBefore, 0)
         or ${SPAN} is not null)`,
    "delete from event where message_id between @first and @last",
    "delete from feedback where message_id between @first and @last",
  ].map((sql) => db.prepare<Where>(sql));
  for (const { first, last } of ranges) {
    const where = { ...target, first, last };
    own.run(where);
    for (const { from, to, write } of moves) counters.move(topicId, from, to, write.run(where).changes);
    for (const other of others) other.run(where);
  }
}

/** What was removed of the rehearsal never was, inside a transaction. */
function uncountRemoved(db: Connection, counters: Counters, topicId: number): void {
  const remove = db.prepare<[number], { state: State; messages: number }>(
    "delete from removed where topic_id = ? returning state, messages",
  );
  for (const { state, messages } of remove.all(topicId)) counters.add(topicId, state, -messages);
}
