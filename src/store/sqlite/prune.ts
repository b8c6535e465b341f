/**
 * Removes the messages of topics that finished long ago. The first transaction about a topic closes it, so that nobody is added any
 * more; each further one removes some of its messages. The recipients of all these topics are removed together, when the messages are
 * gone: whoever looks for a person's messages finds those that are there, at any moment. When the process is killed in between, the topic
 * stays closed, and the next call goes on.
 */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import { NO_TOPIC } from "../../message.ts";
import { createParts, type RunPart } from "../parts.ts";
import type { Prunable, Pruned, Removed } from "../rows.ts";
import type { Removal } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { IS_JOINED } from "./joining.ts";
import { sweepRecipients } from "./recipient-sweep.ts";
import { createRemover, MESSAGES_LEFT, type Remover } from "./remover.ts";
import { removeUnusedContents } from "./unused-contents.ts";

/** How many messages one step counts. */
const STEP = 20_000;
/** How many topics are read at once: there may be a hundred thousand. */
const PAGE = 1_000;

/** Comes after everything: of a topic that has ended all goes, also when somebody began it who asked for less old ones. */
const EVER = Number.MAX_SAFE_INTEGER;

/** Makes the part of the store that removes what is old. */
export function createPrune(job: Job): Pick<Removal, "prunable" | "prune"> {
  return {
    prunable: (olderThanMs, options) => survey(job, job.clock.now() - olderThanMs, options),
    async prune(olderThanMs, { signal, onProgress }) {
      const cutOff = job.clock.now() - olderThanMs;
      const inParts = createParts(signal);
      // What is removed is overwritten, too, wherever that needs no further page to be written.
      job.db.pragma("secure_delete = fast");
      const pruned: Pruned = { topics: 0, messages: 0, events: 0 };
      const note = (removed: Removed) => {
        pruned.messages += removed.messages;
        pruned.events += removed.events;
        onProgress?.(pruned);
      };
      const [close, removeAll] = [createClose(job), createRemoval(job, { condition: GOES, withRecipients: false })];
      for (const topic of finishedTopics(job.db, cutOff)) {
        if (!(await inParts((_rows, begun) => close(topic.id, cutOff, begun)))) continue;
        pruned.topics++;
        await removeAll(inParts, { ...topic, cutOff: EVER }, note);
      }
      const single = noTopic(job.db);
      if (single !== null) {
        const removeOld = createRemoval(job, { condition: OLD, withRecipients: true });
        await removeOld(inParts, { ...single, cutOff }, note);
      }
      await removeRecipients(job, inParts);
      await removeKept(job, inParts, cutOff, (events) => note({ messages: 0, events }));
      await removeUnusedContents(job, inParts, signal);
      return pruned;
    },
  };
}

interface Finished {
  id: number;
  topic: string;
  isRehearsal: 0 | 1;
}

/** The last thing that happened to topic `t` by the wall clock: it was made, took in somebody, was due, was sent or cancelled. */
const LAST_THING = `max(t.created_at, ifnull(t.not_before, 0), ifnull(t.cancelled_at, 0), ifnull(t.called_at, 0),
  ifnull(t.last_sent_at, 0), ifnull((select max(created_at) from ingest where topic_id = t.id), 0),
  ifnull((select max(m.created_at, m.not_before) from ingest i join message m on m.id = i.last_id
    where i.id = (select max(id) from ingest where topic_id = t.id)), 0))`;

/** True in SQL for a topic that has ended before @cutOff, or that somebody has begun to prune. */
const IS_FINISHED = `t.pending = 0 and t.sending = 0 and not ${IS_JOINED} and t.afresh_at is null and (t.pruned_at is not null or ${LAST_THING} < @cutOff)`;

/** The topics that have ended, and how many messages each has, the oldest first. */
function* finishedTopics(db: Connection, cutOff: number): Generator<Finished & { messages: number }> {
  const next = db.prepare<[{ cutOff: number; noTopic: string; after: number }], Finished & { messages: number }>(
    `select t.id, t.name as topic, t.endpoint is 'sandbox' as isRehearsal, ${MESSAGES_LEFT} as messages from topic t
     where t.id > @after and t.name <> @noTopic and ${MESSAGES_LEFT} > 0 and ${IS_FINISHED} order by t.id limit ${PAGE}`,
  );
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: (Finished & { messages: number })[] = next.all({ cutOff, noTopic: NO_TOPIC, after });
    yield* page;
    after = page.length < PAGE ? undefined : page.at(-1)?.id;
  }
}

function noTopic(db: Connection): Finished | null {
  const found = db.prepare<[string], Finished>(
    "select id, name as topic, endpoint is 'sandbox' as isRehearsal from topic where name = ?",
  );
  return found.get(NO_TOPIC) ?? null;
}

/** Makes what closes a topic for good. It resolves to false when something has happened to the topic meanwhile. */
function createClose(job: Job): (id: number, cutOff: number, begun: () => void) => Promise<boolean> {
  const close = job.db.prepare<[{ id: number; now: number; cutOff: number }]>(
    `update topic as t set pruned_at = ifnull(pruned_at, @now) where id = @id and ${IS_FINISHED}`,
  );
  return (id, cutOff, begun) =>
    transaction(job, () => {
      begun();
      return close.run({ id, now: job.clock.now(), cutOff }).changes > 0;
    });
}

/** True in SQL for message `m` when it may go. What waits or is under way never does. */
const GOES = "m.state not in ('pending', 'sending')";
const OLD = `${GOES} and max(ifnull(m.created_at, @addedAt), ifnull(m.sent_at, 0), m.not_before) < @cutOff`;

interface Removing extends Finished {
  cutOff: number;
}

interface Range {
  first: number;
  last: number;
  addedAt: number;
}

/** Makes what finds the id ranges of a topic. What is newer than the cut-off has nothing to be removed. */
function createRanges(db: Connection): (topic: Removing) => Range[] {
  const find = db.prepare<[number, number], Range>(
    `select first_id as first, last_id as last, created_at as addedAt from ingest
     where topic_id = ? and last_id >= first_id and created_at < ? order by id`,
  );
  return ({ id, cutOff }) => find.all(id, cutOff);
}

const find = (db: Connection, condition: string) =>
  db
    .prepare<[Range & { after: number; cutOff: number; topicId: number; most: number }], number>(
      `select m.id from message m where m.id > @after and m.id between @first and @last and m.topic_id = @topicId
         and ${condition} order by m.id limit @most`,
    )
    .pluck();

type RemoveAll = (inParts: RunPart, topic: Removing, note: (removed: Removed) => void) => Promise<void>;

/** Makes what removes the messages of a topic for which the condition is true, with their recipients or without. */
function createRemoval(
  job: Job,
  { condition, withRecipients }: { condition: string; withRecipients: boolean },
): RemoveAll {
  const [remove, look, rangesOf] = [createRemover(job.db), find(job.db, condition), createRanges(job.db)];
  return async (inParts, topic, note) => {
    for (const range of rangesOf(topic))
      for (let after = range.first - 1; ;) {
        const where = { ...range, cutOff: topic.cutOff, topicId: topic.id };
        // Most ranges of requests are short, and many are empty by now: looking costs no transaction.
        if (look.get({ ...where, after, most: 1 }) === undefined) break;
        const part = await inParts((most, begun) =>
          transaction(job, () =>
            removePart({ look, remove, withRecipients, ...topic }, { ...where, after, most }, begun),
          ),
        );
        note(part);
        if (part.last === null) break;
        after = part.last;
      }
  };
}

function removePart(
  {
    look,
    remove,
    withRecipients,
    isRehearsal,
  }: { look: ReturnType<typeof find>; remove: Remover; withRecipients: boolean; isRehearsal: 0 | 1 },
  where: Range & { after: number; cutOff: number; topicId: number; most: number },
  begun: () => void,
): Removed & { last: number | null } {
  begun();
  const ids = look.all(where);
  // A uuid of what was sent stays known for good. One of a rehearsal does not keep the real thing from being sent.
  return { ...remove(ids, { withRecipients, withUuids: isRehearsal === 1 }), last: ids.at(-1) ?? null };
}

/** Removes the recipients of pruned topics whose messages are gone, also of those that a process did not come to. */
async function removeRecipients(job: Job, inParts: RunPart): Promise<void> {
  const { db } = job;
  const topicIds = db.prepare<[], number>("select topic_id from leaving").pluck().all();
  if (topicIds.length === 0) return;
  const inPart = <T>(work: (rows: number) => T): Promise<T> =>
    inParts((rows, begun) =>
      transaction(job, () => {
        begun();
        return work(rows);
      }),
    );
  await sweepRecipients(
    db,
    "exists (select 1 from leaving where leaving.topic_id = recipient.topic_id)",
    async (work) => {
      await inPart(work);
      return "goes on";
    },
  );
  const isDone = db.prepare<[number]>("delete from leaving where topic_id = ?");
  for (let at = 0; at < topicIds.length;)
    at += await inPart((rows) => {
      const some = topicIds.slice(at, at + rows);
      for (const id of some) isDone.run(id);
      return some.length;
    });
}

/** Removes kept events that came before the cut-off. */
async function removeKept(job: Job, inParts: RunPart, cutOff: number, note: (events: number) => void): Promise<void> {
  const { db } = job;
  const look = db.prepare<[{ after: string; cutOff: number; most: number }], { key: string; isOld: 0 | 1 }>(
    "select key, received_at < @cutOff as isOld from unmatched where key > @after order by key limit @most",
  );
  const remove = db.prepare<[string]>("delete from unmatched where key = ?");
  for (let after = ""; ;) {
    const last = await inParts((most, begun) =>
      transaction(job, () => {
        begun();
        const rows = look.all({ after, cutOff, most });
        const old = rows.filter(({ isOld }) => isOld === 1);
        for (const { key } of old) remove.run(key);
        note(old.length);
        return rows.at(-1)?.key ?? null;
      }),
    );
    if (last === null) return;
    after = last;
  }
}

async function survey(
  { db }: Job,
  cutOff: number,
  { named, signal }: { named: number; signal: AbortSignal },
): Promise<Prunable> {
  const found: Prunable = { topics: 0, oldest: [], single: 0, messages: 0, events: 0 };
  const [countAll, countOld] = [createCount(db, GOES, found), createCount(db, OLD, found)];
  for (const topic of finishedTopics(db, cutOff)) {
    found.topics++;
    if (found.oldest.length < named) found.oldest.push({ topic: topic.topic, messages: topic.messages });
    await countAll({ ...topic, cutOff: EVER }, signal);
  }
  const ofTopics = found.messages;
  const single = noTopic(db);
  if (single !== null) await countOld({ ...single, cutOff }, signal);
  found.single = found.messages - ofTopics;
  const kept = db.prepare<[number], number>("select count(*) from unmatched where received_at < ?").pluck();
  found.events += kept.get(cutOff) ?? 0;
  return found;
}

/** Makes what adds to `sum` how many messages of a topic would be removed, and how many of their events. */
function createCount(
  db: Connection,
  condition: string,
  sum: Removed,
): (topic: Removing, signal: AbortSignal) => Promise<void> {
  type Where = Range & { after: number; cutOff: number; topicId: number };
  const read = db.prepare<[Where], Removed & { last: number | null }>(
    `select count(*) as messages, ifnull(sum((select count(*) from event where message_id = m.id)), 0) as events, max(m.id) as last
     from (select * from message m where m.id > @after and m.id between @first and @last and m.topic_id = @topicId
       and ${condition} order by m.id limit ${STEP}) m`,
  );
  const rangesOf = createRanges(db);
  let counted = 0;
  return async (topic, signal) => {
    for (const range of rangesOf(topic))
      for (let after: number | null = range.first - 1; after !== null;) {
        if (signal.aborted) throw new InterruptedError();
        const found = read.get({ ...range, after, cutOff: topic.cutOff, topicId: topic.id });
        const { messages, events, last } = found ?? { messages: 0, events: 0, last: null };
        sum.messages += messages;
        sum.events += events;
        // Another part begins only when this one was full: most topics are small.
        after = messages < STEP ? null : last;
        if ((counted += messages + 1) < STEP) continue;
        counted = 0;
        await setImmediate();
      }
  };
}
