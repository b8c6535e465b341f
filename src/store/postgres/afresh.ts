/**
 * Removes the rehearsal of a topic. A million messages take many transactions: the first one closes the topic, each further one
 * brings a range of messages back to where they began, and the last one opens the topic for the real thing. Whoever is killed in
 * between leaves a topic that nobody sends, and the next call goes on.
 */
import { prioritySql } from "../common-sql.ts";
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import type { State } from "../../message.ts";
import { EVENT_COUNTERS, type EventCounts } from "../rules/event-counters.ts";
import { EXPIRED } from "../rules/settle.ts";
import { PLAYED } from "../rules/states.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import type { Rehearsal, Sender } from "../rows.ts";
import type { Topics } from "../store.ts";
import { ADMITTING, TOPIC } from "./admitting.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { lookFromStart } from "./follow.ts";
import { IS_VARIANT } from "./variants.ts";
import { notify } from "./notify.ts";
import { type Part, partsOf, rangesOf } from "./ranges.ts";
import { finishTimes } from "./moving.ts";
import { createCounters } from "./state-counters.ts";
import { ANY_FORGOTTEN, concernsSql, forgottenSql, lowerSql, mailWith, suppressedSql } from "./suppressed.ts";
import { topicIdOf } from "./topic-ids.ts";

/** What is counted of a topic besides the states of its messages. */
const COUNTED = [...new Set([...EVENT_COUNTERS, "reader_opens", "machine_opens", "clicks", "unsubscribed"])];

/** So many messages at most are brought back in one transaction, which takes some tenths of a second. */
const SIZE = 5_000;

/** Makes the part of the store that removes rehearsals. `recover` puts in doubt what dead processes left in flight. */
export function createAfresh(
  job: Job,
  recover: () => Promise<number>,
): Pick<Topics, "startAfresh" | "staySuppressed" | "senders"> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return {
    async startAfresh(topic, { signal, notBefore, expiresInMs = null }) {
      const topicId = await topicIdOf(ask, topic, job.name);
      await recover();
      const closed = await transaction(job, (tx) => close(tx, topicId, topic));
      if (closed === null) return null;
      // Whoever finished it later would undo the time that is given here.
      await finishTimes(job, topicId, signal);
      const { rehearsal, since } = closed;
      const removal = { topic, topicId, since, notBefore, expiresIn: expiresInMs };
      for (const part of partsOf(await rangesOf(ask, [topicId]), SIZE)) {
        // Signals are heard between steps, and only there.
        await setImmediate();
        if (signal.aborted) throw new InterruptedError();
        // Another process may have ended it, and what is in the topic now is real.
        if (!(await transaction(job, (tx) => clearPart(tx, removal, part)))) return rehearsal;
      }
      await transaction(job, (tx) => open(tx, removal));
      lookFromStart(job);
      notify(job);
      return rehearsal;
    },
    async staySuppressed(topic) {
      const topicId = await topicIdOf(ask, topic, job.name);
      const [named] = await ask<{ count: number }>(STAY_SUPPRESSED, [topicId]);
      const [any] = await ask<{ found: boolean }>(`select ${ANY_FORGOTTEN} as found`);
      const [hashed] = any?.found === true ? await ask<{ count: number }>(STAY_FORGOTTEN, [topicId]) : [];
      return (named?.count ?? 0) + (hashed?.count ?? 0);
    },
    senders: async (topic) =>
      ask<Sender>(
        `select h.host, h.pid from sm.handle h
         where exists (select 1 from sm.message m where m.claimed_by = h.id and m.topic_id = $1)
         group by 1, 2 order by min(h.id)`,
        [await topicIdOf(ask, topic, job.name)],
      ),
  };
}

// The topic's own content may be a newer one than a message was sent with.
const STAY_SUPPRESSED = `select count(distinct m.id)::int8 as count from sm.suppression s
  join sm.recipient r on r.address = s.address and r.topic_id = $1
  join sm.message m on m.id = r.message_id join sm.topic t on t.id = m.topic_id
  where not s.rehearsal and m.state <> 'cancelled' and ${concernsSql(
    "s",
    mailWith(`case when m.content_id = t.content_id or ${IS_VARIANT} then m.content_id else t.content_id end`),
  )}`;

// They were suppressed when they were added, or forgotten since; of those who were forgotten before nothing is left.
const STAY_FORGOTTEN = `select count(*)::int8 as count from sm.ingest i
  join sm.message m on m.id between i.first_id and i.last_id and m.topic_id = i.topic_id
  where i.topic_id = $1 and m.state <> 'cancelled' and ${forgottenSql(lowerSql("m.email"))}`;

type ClosingTopic = AdmittingTopic & EventCounts & Pick<Rehearsal, "sent" | "failed" | "in_doubt">;

/**
 * Closes a rehearsed topic, and says what there is to be removed; null: it is not rehearsed. `since` tells this removal from a later
 * one.
 */
async function close(tx: Tx, topicId: number, topic: string): Promise<{ rehearsal: Rehearsal; since: number } | null> {
  const [row] = await tx.query<ClosingTopic>(
    `select ${ADMITTING}, ${["sent", "failed", "in_doubt", ...EVENT_COUNTERS].map((name) => `c.${name}`).join(", ")}
     from ${TOPIC} where t.id = $1`,
    [topicId],
  );
  const admission = admit(row, { adds: true, endpoint: "ses", content: null });
  if (row === undefined || admission === "fine") return null;
  if (row.prunedAt !== null) throw new TopicRefusedError({ topic, refusal: "pruned", endpoint: "ses" });
  if (admission !== "rehearsed") throw new TopicRefusedError({ topic, refusal: admission, endpoint: "ses" });
  const since = row.afreshAt ?? tx.now.wall;
  await tx.run("update sm.topic set afresh_at = $2 where id = $1", [topicId, since]);
  const { sent, failed, in_doubt } = row;
  const events = Object.fromEntries(EVENT_COUNTERS.map((name) => [name, row[name]])) as EventCounts;
  return { rehearsal: { sent, failed, in_doubt, ...events }, since };
}

/** A removal that is under way. */
interface Removal {
  topic: string;
  topicId: number;
  since: number;
  notBefore: number | null;
  expiresIn: number | null;
}

/** Removes what the rehearsal left in a part. False, and nothing is done: another process has ended this removal. */
async function clearPart(
  tx: Tx,
  { topic, topicId, since, notBefore, expiresIn }: Removal,
  part: Part,
): Promise<boolean> {
  const [row] = await tx.query<{ cancelled: boolean }>(
    "select cancelled_at is not null as cancelled from sm.topic where id = $1 and afresh_at = $2",
    [topicId, since],
  );
  if (row === undefined) return false;
  // What waits in a cancelled topic would wait for ever.
  if (row.cancelled) throw new TopicRefusedError({ topic, refusal: "cancelled", endpoint: "ses" });
  await byIndex(tx.query);
  const counters = createCounters();
  const given = [notBefore, expiresIn, tx.now.wall];
  // Its list and kind decide whom a message goes to.
  const owned = tx.run(ownContent(part), [...part.values]);
  const moving = [...PLAYED, "cancelled" as const].map(async (from) => {
    const values = [...part.values, ...given, from];
    for (const { state, count } of await tx.query<{ state: State; count: number }>(back(part), values))
      counters.move(topicId, from, state, count);
  });
  await Promise.all([
    owned,
    ...moving,
    tx.run(untried(part), [...part.values, ...given]),
    ...["event", "feedback"].map((table) =>
      tx.run(`delete from sm.${table} where ${part.has("message_id")}`, [...part.values]),
    ),
  ]);
  await counters.write(tx);
  return true;
}

const DUE = "greatest(m.not_before, coalesce($3::bigint, 0))";
const SPAN = "coalesce($4::bigint, m.expires_in)";
/**
 * A message as it was when it was added. Of the times at which it was to be sent, only those that a person chose stay. What expires
 * after a span has all of it again. $5 is the time.
 */
const UNPLAYED = `attempts = 0, ses_message_id = null, error = null, sent_at = null, not_before = ${DUE}, expires_in = ${SPAN},
   expires_at = case when ${SPAN} is null then m.expires_at else greatest(${DUE}, $5::bigint) + ${SPAN} end`;

// What expired in the rehearsal waited for that alone. What a person cancelled, and what expires at an instant, stays so.
const back = (part: Part): string => `with moved as (
    update sm.message m set ${UNPLAYED},
      state = case when ${suppressedSql(lowerSql("m.email"), "null", mailWith("m.content_id"))} then 'suppressed' else 'pending' end
    where ${part.has("m.id")} and m.state = $6::text
      and (m.state <> 'cancelled' or (m.error = '${EXPIRED}' and ${SPAN} is not null)) returning m.state)
  select state, count(*)::int8 as count from moved group by 1`;

// Some were put back, and wait for another attempt.
const untried = (part: Part): string => `update sm.message m set ${UNPLAYED}
  where ${part.has("m.id")} and m.state in ('pending', 'cancelled', 'suppressed')
    and not (m.state = 'cancelled' and m.error is not distinct from '${EXPIRED}')
    and (m.attempts > 0 or m.error is not null or m.ses_message_id is not null or m.not_before < coalesce($3::bigint, 0)
      or ${SPAN} is not null)`;

// What was sent kept the content it was sent with when the topic got another one.
const ownContent = (part: Part): string => `update sm.message m set content_id = t.content_id,
    priority = ${prioritySql("m.priority", mailWith("t.content_id").kind)} from sm.topic t
  where ${part.has("m.id")} and t.id = m.topic_id and m.content_id <> t.content_id and not ${IS_VARIANT}`;

async function open(tx: Tx, { topicId, since, notBefore }: Removal): Promise<void> {
  const opened = await tx.run(
    `update sm.topic set endpoint = null, afresh_at = null, reported_at = null, called_at = null,
       not_before = coalesce($3::bigint, not_before)
     where id = $1 and afresh_at = $2`,
    [topicId, since, notBefore],
  );
  if (opened === 0) return;
  const counters = createCounters();
  // What was removed of the rehearsal never was.
  const removed = await tx.query<{ state: State; messages: number }>(
    "delete from sm.removed where topic_id = $1 returning state, messages",
    [topicId],
  );
  for (const { state, messages } of removed) counters.add(topicId, state, -messages);
  await tx.run(
    `update sm.topic_count set ${COUNTED.map((name) => `${name} = 0`).join(", ")}, first_sent_at = null, last_sent_at = null
     where topic_id = $1`,
    [topicId],
  );
  await counters.write(tx);
}
