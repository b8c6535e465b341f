/**
 * Removes the messages of topics that finished long ago. The first transaction about a topic closes it, so that nobody is added any
 * more; each further one removes some of its messages. When the process is killed in between, the topic stays closed, and the next call
 * goes on.
 */
import { InterruptedError } from "../../errors.ts";
import { NO_TOPIC, STATES } from "../../message.ts";
import { createParts, type RunPart } from "../parts.ts";
import type { Prunable, Pruned, Removed } from "../rows.ts";
import type { Removal } from "../store.ts";
import { TOPIC } from "./admitting.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read, snapshot } from "./connection.ts";
import { removeMessages } from "./remover.ts";
import { partsOf, rangesOf } from "./ranges.ts";
import { type Tx, transaction } from "./transaction.ts";
import { removeUnusedContents } from "./unused-contents.ts";

/** How many messages one step counts. */
const STEP = 20_000;
/** How many topics are read at once: there may be a hundred thousand. */
const PAGE = 1_000;

/** Comes after everything: of a topic that has ended all goes, also when somebody began it who asked for less old ones. */
const EVER = Number.MAX_SAFE_INTEGER;

/** Makes the part of the store that removes what is old. */
export function createPrune(job: Job): Pick<Removal, "prunable" | "prune"> {
  const before = (ms: number) => Math.floor(job.time.now().wall - ms);
  return {
    prunable: (olderThanMs, options) => survey(job, before(olderThanMs), options),
    async prune(olderThanMs, { signal, onProgress }) {
      const cutOff = before(olderThanMs);
      const inParts = createParts(signal);
      const pruned: Pruned = { topics: 0, messages: 0, events: 0 };
      const note = (removed: Removed) => {
        pruned.messages += removed.messages;
        pruned.events += removed.events;
        onProgress?.(pruned);
      };
      for await (const page of finishedTopics(job, cutOff))
        for (const topic of page) {
          if (!(await inParts((_rows, begun) => closeTopic(job, topic, cutOff, begun)))) continue;
          pruned.topics++;
          await removeAll(job, inParts, { ...topic, condition: GOES, cutOff: EVER }, note);
        }
      const single = await noTopic(job);
      if (single !== null) await removeAll(job, inParts, { ...single, condition: OLD, cutOff }, note);
      await removeKept(job, inParts, cutOff, (events) => note({ messages: 0, events }));
      await removeUnusedContents(job, inParts, signal);
      return pruned;
    },
  };
}

interface Finished {
  id: number;
  topic: string;
  isRehearsal: boolean;
}

/** The last thing that happened to topic `t` by the database's clock: it was made, took in somebody, was due, was sent or cancelled. */
const LAST_THING = `greatest(t.created_at, t.not_before, t.cancelled_at, t.called_at, c.last_sent_at,
  (select max(created_at) from sm.ingest where topic_id = t.id),
  (select greatest(m.created_at, m.not_before) from sm.ingest i join sm.message m on m.id = i.last_id
    where i.topic_id = t.id order by i.id desc limit 1))`;

/** True in SQL for a topic that has ended before $1, or that somebody has begun to prune. */
const IS_FINISHED = `c.pending = 0 and c.sending = 0 and t.afresh_at is null and (t.pruned_at is not null or ${LAST_THING} < $1::bigint)`;

/** In SQL, how many messages of topic `t` are still there. */
const LEFT = `(${STATES.map((state) => `c.${state}`).join(" + ")}
  - (select coalesce(sum(messages), 0) from sm.removed where topic_id = t.id))::int8`;

/** The topics that have ended, and how many messages each has, page by page, the oldest first. */
async function* finishedTopics(job: Job, cutOff: number): AsyncGenerator<(Finished & { messages: number })[]> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: (Finished & { messages: number })[] = await read(
      job,
      `select t.id, t.name as topic, coalesce(t.endpoint = 'sandbox', false) as "isRehearsal", ${LEFT} as messages from ${TOPIC}
       where t.id > $3::int8 and t.name <> $2 and ${LEFT} > 0 and ${IS_FINISHED} order by t.id limit ${PAGE}`,
      [cutOff, NO_TOPIC, after],
    );
    yield page;
    after = page.length < PAGE ? undefined : page.at(-1)?.id;
  }
}

async function noTopic(job: Job): Promise<Finished | null> {
  const [found] = await read<Finished>(
    job,
    `select id, name as topic, coalesce(endpoint = 'sandbox', false) as "isRehearsal" from sm.topic where name = $1`,
    [NO_TOPIC],
  );
  return found ?? null;
}

/** Closes a topic for good. False: something has happened to it meanwhile. A list that is being put in is refused at its end. */
function closeTopic(job: Job, { id }: Finished, cutOff: number, begun: () => void): Promise<boolean> {
  return transaction(job, async (tx) => {
    begun();
    const closed = await tx.run(
      `update sm.topic set pruned_at = coalesce(pruned_at, $3::bigint)
       where id = (select t.id from ${TOPIC} where t.id = $2 and ${IS_FINISHED})`,
      [cutOff, id, tx.now.wall],
    );
    return closed > 0;
  });
}

/**
 * True in SQL for message `m` when it may go; $5 is the cut-off, $6 when its range was added. What waits or is under way never goes. `GOES`
 * names $5 and $6 only because PostgreSQL refuses a parameter that a statement does not use.
 */
const GOES = "m.state not in ('pending', 'sending') and $5::bigint is not null and $6::bigint is not null";
const OLD = `m.state not in ('pending', 'sending')
  and greatest(coalesce(m.created_at, $6::bigint), m.sent_at, m.not_before) < $5::bigint`;

interface Removing extends Finished {
  condition: string;
  cutOff: number;
}

interface Range {
  first: number;
  last: number;
  addedAt: number;
}

/** The id ranges of a topic. What is newer than the cut-off has nothing to be removed. */
function datedRangesOf(job: Job, topicId: number, cutOff: number): Promise<Range[]> {
  return read(
    job,
    `select first_id as first, last_id as last, created_at as "addedAt" from sm.ingest
     where topic_id = $1 and last_id >= first_id and created_at < $2::bigint order by id`,
    [topicId, cutOff],
  );
}

/** The next messages that may go; $1 is the id before them. */
const look = (condition: string): string => `select m.id from sm.message m
  where m.id > $1::bigint and m.id between $2::bigint and $3::bigint and m.topic_id = $4 and ${condition} order by m.id`;

async function removeAll(
  job: Job,
  inParts: RunPart,
  { id: topicId, isRehearsal, condition, cutOff }: Removing,
  note: (removed: Removed) => void,
): Promise<void> {
  for (const { first, last, addedAt } of await datedRangesOf(job, topicId, cutOff))
    for (let after = first - 1; ;) {
      const values = (from: number) => [from, first, last, topicId, cutOff, addedAt];
      const sql = look(condition);
      // Most ranges of requests are short, and many are empty by now: looking takes no lock.
      if ((await read(job, `${sql} limit 1`, values(after))).length === 0) break;
      const from = after;
      const part = await inParts((most, begun) =>
        transaction(job, async (tx) => {
          begun();
          await byIndex(tx.query);
          const ids = (await tx.query<{ id: number }>(`${sql} limit ${most}`, values(from))).map(({ id }) => id);
          // A uuid of what was sent stays known for good. One of a rehearsal does not keep the real thing from being sent.
          return { ...(await removeMessages(tx, ids, { withUuids: isRehearsal })), last: ids.at(-1) ?? null };
        }),
      );
      note(part);
      if (part.last === null) break;
      after = part.last;
    }
}

/** Removes kept events that came before the cut-off. */
async function removeKept(job: Job, inParts: RunPart, cutOff: number, note: (events: number) => void): Promise<void> {
  for (let after: string | null = ""; after !== null;) {
    const page: { key: string; isOld: boolean }[] = await read(
      job,
      `select key, received_at < $2::bigint as "isOld" from sm.unmatched where key > $1 order by key limit 2000`,
      [after, cutOff],
    );
    const keys = page.filter(({ isOld }) => isOld).map(({ key }) => key);
    if (keys.length > 0) note(await inParts((_rows, begun) => forgetEvents(job, keys, begun)));
    after = page.at(-1)?.key ?? null;
  }
}

/** Removes kept events. Returns how many there were. */
export function forgetEvents(job: Job, keys: readonly string[], begun: () => void): Promise<number> {
  return transaction(job, (tx) => {
    begun();
    return tx.run("delete from sm.unmatched where key = any($1::text[])", [keys]);
  });
}

async function survey(
  job: Job,
  cutOff: number,
  { named, signal }: { named: number; signal: AbortSignal },
): Promise<Prunable> {
  const found: Prunable = { topics: 0, oldest: [], single: 0, messages: 0, events: 0 };
  for await (const page of finishedTopics(job, cutOff)) {
    found.topics += page.length;
    for (const { topic, messages } of page.slice(0, named - found.oldest.length))
      found.oldest.push({ topic, messages });
    for await (const part of countFinished(job, page, EVER, signal)) add(found, part);
  }
  const ofTopics = found.messages;
  const single = await noTopic(job);
  if (single !== null) add(found, await countRemovable(job, { ...single, condition: OLD, cutOff }, signal));
  found.single = found.messages - ofTopics;
  const [kept] = await read<{ count: number }>(
    job,
    "select count(*)::int8 as count from sm.unmatched where received_at < $1::bigint",
    [cutOff],
  );
  found.events += kept?.count ?? 0;
  return found;
}

function add(sum: Removed, more: Removed): void {
  sum.messages += more.messages;
  sum.events += more.events;
}

/** How many messages of topics that have finished would be removed, and how many of their events, part by part: a topic may be a single mail. */
async function* countFinished(
  job: Job,
  topics: readonly Finished[],
  cutOff: number,
  signal: AbortSignal,
): AsyncGenerator<Removed> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const ids = topics.map(({ id }) => id);
  for (const { has, values } of partsOf(await rangesOf(ask, ids, cutOff), STEP)) {
    if (signal.aborted) throw new InterruptedError();
    const sql = `select count(*)::int8 as messages,
        coalesce(sum((select count(*) from sm.event e where e.message_id = m.id)), 0)::int8 as events
      from sm.message m where ${has("m.id")} and m.state not in ('pending', 'sending')`;
    yield* await snapshot(job, async (query) => {
      await byIndex(query);
      return query<Removed>(sql, values);
    });
  }
}

/** How many messages of a topic would be removed, and how many of their events. */
async function countRemovable(
  job: Job,
  { id: topicId, condition, cutOff }: Removing,
  signal: AbortSignal,
): Promise<Removed> {
  const sql = `with part as (${look(condition)} limit ${STEP})
    select count(*)::int8 as messages, max(part.id) as last,
      coalesce(sum((select count(*) from sm.event e where e.message_id = part.id)), 0)::int8 as events from part`;
  const sum = { messages: 0, events: 0 };
  for (const { first, last, addedAt } of await datedRangesOf(job, topicId, cutOff))
    for (let after: number | null = first - 1; after !== null;) {
      if (signal.aborted) throw new InterruptedError();
      const values = [after, first, last, topicId, cutOff, addedAt];
      const found: (Removed & { last: number | null })[] = await snapshot(job, async (ask) => {
        await byIndex(ask);
        return ask(sql, values);
      });
      for (const part of found) add(sum, part);
      after = found[0]?.last ?? null;
    }
  return sum;
}
