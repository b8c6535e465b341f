/** Applies events. Each counts once, in any order, before or after its message is known. */
import type { Clock } from "../../time/clock.ts";
import type { Applied, EventSink } from "../../feedback/event-sink.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { State } from "../../message.ts";
import type { Endpoint } from "../rows.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createEventMarks } from "./event-marks.ts";
import { hash53 } from "../hash.ts";
import type { KeptEvent } from "../kept-event.ts";
import { clueOf, MOST_LOOKED_THROUGH, namedEvent } from "../named-event.ts";
import { type Addressed, handedWith } from "../rules/handed.ts";
import { createKeptEvents } from "./kept-events.ts";
import { createLastIdReader } from "./numbering.ts";
import { createProver, type Provable } from "./prove.ts";
import { isOfRemovedRehearsal, mayBeTo } from "../rules/prove.ts";
import { listsOfEvent } from "../rules/suppress.ts";
import { createForgottenCheck, mailWith } from "./suppressed.ts";
import { createSuppressor } from "./suppressions.ts";

/** What an event asks of a topic. */
interface TopicState {
  endpoint: Endpoint | null;
  /** When somebody began to remove its rehearsal; null: nobody does now. */
  afreshAt: number | null;
}

interface Known extends Provable, TopicState {
  email: string;
}

/** Makes the part of the store that takes events in. `jobId` tells our events from those of other jobs. */
export function createEventSink(job: Job, jobId: string): EventSink {
  const { db, clock } = job;
  const counters = createCounters(db);
  const marks = createEventMarks(db);
  const kept = createKeptEvents(db, clock);
  const { find, begin } = createFinder(db, jobId);
  const isGone = createGoneLook(db, jobId);
  const isForgotten = createForgottenCheck(db);
  const apply = createApplier(db, clock, counters, marks);
  const suppress = createSuppressor(db, counters, clock);
  const write = createWriter(job, counters, marks, begin);
  const ours = db.prepare<[string], 1>("select 1 from content where list = ? limit 1").pluck();
  // To read it means to walk over the body of the content, which most events need not do.
  const list = db
    .prepare<[number], string | null>(`select ${mailWith("content_id").list} from message where id = ?`)
    .pluck();
  const listOf = (message: Known | undefined): string | null => (message && list.get(message.id)) ?? null;
  const isOurs = (list: string): boolean => ours.get(list) !== undefined;

  const keepForLater = (event: SesEvent, isBare: boolean, result: Applied): boolean => {
    const isNew = isBare ? kept.keepBare(event) : kept.keep(event);
    if (isNew) result.unmatched++;
    else result.duplicates++;
    return isNew;
  };

  const applyOne = (event: SesEvent, result: Applied): void => {
    const message = find(event);
    if (message && isOfRemovedRehearsal(event, message)) {
      result.unmatched++;
      return;
    }
    const isNew = message
      ? apply(message, event, result)
      : keepForLater(event, isGone(event) || isForgotten(addressesOf(event)), result);
    // A duplicate must not suppress again, because the address may have been allowed since.
    if (!isNew) return;
    // Suppress last: the event may prove its message sent, which must not be taken for a pending one.
    const rehearsal = event.rehearsal === true || message?.endpoint === "sandbox";
    for (const { leaves, ...cause } of event.suppressions)
      for (const list of listsOfEvent(leaves, () => listOf(message), isOurs))
        if (suppress({ ...cause, list, source: "event", rehearsal })) result.suppressed++;
  };

  const matchKept = (sentSince: number | null, result: Applied): void => {
    for (const event of kept.matching(sentSince)) {
      const message = find(event);
      if (!message) continue;
      if (!isOfRemovedRehearsal(event, message)) apply(message, event, result);
      kept.forget(event.key);
    }
  };

  return {
    applyEvents: (batch: readonly SesEvent[]): Promise<Applied> =>
      write((result) => batch.forEach((event) => applyOne(namedEvent(event, jobId), result))),
    matchKeptEvents: async (sentWithinMs: number | null = null): Promise<Applied> => {
      const sentSince = sentWithinMs === null ? null : clock.now() - sentWithinMs;
      // Nearly always none match, and then a durable commit is not worth it.
      return kept.anyMatching(sentSince) ? write((result) => matchKept(sentSince, result)) : none();
    },
  };
}

/**
 * Makes a function that runs `work` in one transaction, with its counters and marks, and returns what `work` counted. `begin` is called
 * when the transaction is open.
 */
function createWriter(
  job: Job,
  counters: Counters,
  marks: ReturnType<typeof createEventMarks>,
  begin: () => void,
): (work: (result: Applied) => void) => Promise<Applied> {
  const run = (work: (result: Applied) => void): Applied => {
    begin();
    counters.begin();
    marks.begin();
    const result = none();
    work(result);
    marks.flush();
    counters.write();
    return result;
  };
  return (work) => transaction(job, () => run(work));
}

/**
 * Makes a function that applies an event to its message and counts it in `result`, inside a transaction. It returns false when
 * the event was applied before.
 */
function createApplier(
  db: Connection,
  clock: Clock,
  counters: Counters,
  marks: ReturnType<typeof createEventMarks>,
): (message: Known, event: KeptEvent, result: Applied) => boolean {
  const { prove } = createProver(db, counters);
  const record = db.prepare<[number, number, string, number | null, number, string | null]>(
    "insert into event (message_id, key, type, at, machine, detail) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
  );
  const isNew = (id: number, { key, type, at, machine, link, reason }: KeptEvent): boolean =>
    record.run(id, hash53(key), type, at, machine ? 1 : 0, link ?? reason).changes > 0;

  return (message, event, result) => {
    if (!isNew(message.id, event)) {
      result.duplicates++;
      return false;
    }
    result.applied++;
    const now = clock.now();
    marks.write(message.id, message.topicId, event, now);
    const { sesMessageId, mailedAt, at } = event;
    const isProven = prove(message, { kind: "event", sesMessageId, mailedAt, at }, now);
    if (isProven && message.state === "in_doubt") result.settled++;
    return true;
  };
}

/** An event as it comes, or as it is kept. */
type Found = KeptEvent & Pick<SesEvent, "subject">;

/** The columns of a message that events ask for, in the order of `Row`. Rows as arrays are read in half the time of rows as objects. */
const COLUMNS = "id, topic_id, email, state, attempts, claimed_by";
type Row = [id: number, topicId: number, email: string, state: State, attempts: number, claimedBy: number | null];

/**
 * Makes `find`, which finds the message of an event: by our tags, or by the SES id when it has none (legacy notifications) or those of
 * another job, to which we handed the mail over. A message that was handed over to a program that names nothing is found by what its mail
 * says. `begin` is to be called when a transaction begins: within one, each topic is read once.
 */
function createFinder(db: Connection, jobId: string): { find: (event: Found) => Known | undefined; begin: () => void } {
  const byTag = db.prepare<[number]>(`select ${COLUMNS} from message where id = ?`).raw();
  const bySesId = db.prepare<[string]>(`select ${COLUMNS} from message where ses_message_id = ?`).raw();
  const topicOf = db.prepare<[number], TopicState>("select endpoint, afresh_at as afreshAt from topic where id = ?");
  const byClue = createClueFinder(db);
  const topics = new Map<number, TopicState>();
  const known = (row: Row | undefined): Known | undefined => {
    if (row === undefined) return undefined;
    const [id, topicId, email, state, attempts, claimedBy] = row;
    const topic = topics.get(topicId) ?? topicOf.get(topicId);
    if (topic === undefined) return undefined;
    topics.set(topicId, topic);
    const { endpoint, afreshAt } = topic;
    return { id, topicId, email, state, attempts, claimedBy, endpoint, afreshAt };
  };
  const tagged = (id: number) => known(byTag.get(id) as Row | undefined);
  const find = (event: Found): Known | undefined => {
    if (event.jobId === jobId) {
      const message = event.messageId === null ? undefined : tagged(event.messageId);
      return message && mayBeTo(event, message.email) ? message : undefined;
    }
    const message = known(bySesId.get(event.sesMessageId) as Row | undefined);
    if (message !== undefined) return message;
    const id = byClue(event);
    return id === undefined ? undefined : tagged(id);
  };
  return { find, begin: () => topics.clear() };
}

/** Makes a function that finds a message that was handed over by what its mail says. */
function createClueFinder(db: Connection): (event: Found) => number | undefined {
  const any = db.prepare<[], 1>("select 1 from handed limit 1").pluck();
  const count = db
    .prepare<[string], number>(
      `select count(*) from (select 1 from recipient where address = ? limit ${MOST_LOOKED_THROUGH + 1})`,
    )
    .pluck();
  const to = db.prepare<[string], Addressed & { id: number }>(
    `select m.id, m.state, m.claimed_by as claimedBy, m.sent_at as sentAt, m.ses_message_id as sesMessageId, h.at as handedAt,
       h.subject as subjectKey
     from recipient r join message m on m.id = r.message_id left join handed h on h.message_id = m.id where r.address = ?`,
  );
  return (event) => {
    const clue = clueOf(event);
    if (clue === null || any.get() === undefined || (count.get(clue.address) ?? 0) > MOST_LOOKED_THROUGH)
      return undefined;
    return handedWith(to.all(clue.address), clue)?.id;
  };
}

/** Makes a function that tells whether an event is about a message that was removed: its id was given, and nobody has it. */
function createGoneLook(db: Connection, jobId: string): (event: KeptEvent) => boolean {
  const has = db.prepare<[number]>("select 1 from message where id = ?");
  const lastId = createLastIdReader(db);
  return ({ jobId: job, messageId }) =>
    job === jobId && messageId !== null && has.get(messageId) === undefined && messageId <= lastId();
}

/** Everybody whom an event names. */
function addressesOf({ destination, suppressions }: SesEvent): string[] {
  return [...destination, ...suppressions.map(({ address }) => address)];
}

function none(): Applied {
  return { applied: 0, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
}
