/** What a person does to a topic: cancel it, retry messages, give it another time. */
import { expiresAtSql } from "../common-sql.ts";
import type { Clock } from "../../time/clock.ts";
import { NO_TOPIC, type State } from "../../message.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createPauses } from "./pauses.ts";
import { topicIdOf } from "./topic-id.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { TopicRefusedError } from "../rules/admit.ts";
import { mailWith, suppressedSql } from "./suppressed.ts";
import type { Reschedule } from "../rows.ts";
import { columnsOf } from "../fields.ts";

interface Range {
  topic_id: number;
  first_id: number;
  last_id: number;
  columns: string;
}

/** Makes the part of the store that changes topics for people. */
export function createTopicActions(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const openIds = db
    .prepare<[], number>("select id from topic where cancelled_at is null and pruned_at is null")
    .pluck();
  const write = <T>(work: () => T) =>
    transaction(job, () => {
      counters.begin();
      const result = work();
      counters.write();
      return result;
    });

  // Statements are prepared when they are needed, because every command opens the store and few do any of this.
  return {
    cancel: (topic: string) => write(() => createCancel(db, clock, counters)(topic)),
    retry: (topic: string | null, states: State[]) =>
      write(() => {
        const topicIds = topic === null ? openIds.all() : [openTopicOf(db, topic)];
        const retry = createRetry(db, counters, clock.now());
        return topicIds.reduce((sum, topicId) => sum + retry(topicId, states), 0);
      }),
    countExpired: async (topic: string, states: readonly State[]) =>
      countExpired(db, topicIdOf(db, topic), states, clock.now()),
    pause: (topic: string, forMs: number | null) =>
      write(() => createPauses(db).pause(openTopicOf(db, topic, "cancelled"), forMs, clock.now())),
    resume: (topic: string) => write(() => createPauses(db).resume(topicIdOf(db, topic), clock.now())),
    reschedule: (topic: string, when: Reschedule) =>
      write(() => createReschedule(db, clock.now())(topicIdOf(db, topic), when)),
  };
}

function createRanges(db: Connection): (topicId: number) => Range[] {
  const find = db.prepare<[number], Range>(
    "select topic_id, first_id, last_id, columns from ingest where topic_id = ? order by id",
  );
  return (topicId) => find.all(topicId);
}

/** Cancels what is pending. To be called in a transaction. */
function createCancel(
  db: Connection,
  clock: Clock,
  counters: Counters,
): (topic: string) => { cancelled: number; inFlight: number } {
  const rangesOf = createRanges(db);
  const close = db.prepare<[number, number]>("update topic set cancelled_at = ifnull(cancelled_at, ?) where id = ?");
  const update = db.prepare<[number, number, number]>(
    "update message set state = 'cancelled' where id between ? and ? and topic_id = ? and state = 'pending'",
  );
  const sending = db.prepare<[number], number>("select sending from topic where id = ?").pluck();
  return (topic) => {
    const topicId = topicIdOf(db, topic);
    // Mails without a topic are not related, so cancelling those that wait must not refuse later ones.
    if (topic !== NO_TOPIC) close.run(clock.now(), topicId);
    let cancelled = 0;
    for (const range of rangesOf(topicId)) cancelled += update.run(range.first_id, range.last_id, topicId).changes;
    counters.move(topicId, "pending", "cancelled", cancelled);
    return { cancelled, inFlight: sending.get(topicId) ?? 0 };
  };
}

/**
 * Puts messages back to `pending`, or to `suppressed` where the address is suppressed, unless they have expired. Returns how many became
 * `pending`.
 */
function createRetry(
  db: Connection,
  counters: Counters,
  now: number,
): (topicId: number, states: readonly State[]) => number {
  const rangesOf = createRanges(db);
  const endpoint = "(select endpoint from topic where id = topic_id)";
  const stopped = suppressedSql("lower(email)", endpoint, mailWith("content_id"));
  const update = db.prepare<[string, number, number, number, number], { state: State }>(
    `update message set attempts = 0, error = null,
       state = case when ${stopped} then 'suppressed' else 'pending' end
     where state = ? and id between ? and ? and topic_id = ? and (expires_at is null or expires_at > ?) returning state`,
  );
  const reopen = db.prepare<[number]>("update topic set cancelled_at = null where id = ?");
  return (topicId, states) => {
    let retried = 0;
    for (const from of states) {
      for (const range of rangesOf(topicId)) {
        const to = update.all(from, range.first_id, range.last_id, topicId, now);
        const pending = to.filter((row) => row.state === "pending").length;
        counters.move(topicId, from, "pending", pending);
        counters.move(topicId, from, "suppressed", to.length - pending);
        retried += pending;
      }
    }
    // Pending messages of a cancelled topic would never be sent.
    if (retried > 0 || states.includes("cancelled")) reopen.run(topicId);
    return retried;
  };
}

function countExpired(db: Connection, topicId: number, states: readonly State[], now: number): number {
  const count = db
    .prepare<[string, number, number, number, number], number>(
      `select count(*) from message
       where state in (select value from json_each(?)) and id between ? and ? and topic_id = ? and expires_at <= ?`,
    )
    .pluck();
  return createRanges(db)(topicId).reduce(
    (sum, { first_id, last_id }) => sum + (count.get(JSON.stringify(states), first_id, last_id, topicId, now) ?? 0),
    0,
  );
}

/** Gives pending messages that have not expired another time. Returns how many there are. */
function createReschedule(db: Connection, now: number): (topicId: number, when: Reschedule) => number {
  const rangesOf = createRanges(db);
  const ofTopic = db.prepare<[number | null, number]>("update topic set not_before = ? where id = ?");
  type Where = [Range & { now: number }];
  const open = `id between @first_id and @last_id and topic_id = @topic_id and state = 'pending'
    and (expires_at is null or expires_at > @now)`;
  const set = `update message set not_before = @at,
    expires_at = iif(expires_in is null, expires_at, ${expiresAtSql("@at", "expires_in", "@now")})`;
  const all = db.prepare<[Where[0] & { at: number }]>(`${set} where ${open}`);
  const pending = db.prepare<Where, { id: number; fields: string }>(`select id, fields from message where ${open}`);
  const one = db.prepare<[{ id: number; at: number; now: number }]>(`${set} where id = @id`);

  const moveEach = (range: Range, instantOf: NonNullable<Reschedule["instantOf"]>): number => {
    const columns = JSON.parse(range.columns) as string[];
    const rows = pending.all({ ...range, now });
    for (const row of rows) one.run({ id: row.id, at: instantOf(columnsOf(columns, row.fields)), now });
    return rows.length;
  };

  return (topicId, { notBefore, instantOf }) => {
    ofTopic.run(notBefore || null, topicId);
    let moved = 0;
    for (const range of rangesOf(topicId)) {
      moved += instantOf ? moveEach(range, instantOf) : all.run({ ...range, now, at: notBefore }).changes;
    }
    return moved;
  };
}

/** The id of a topic that can go on. Throws TopicRefusedError for one that was pruned or is closed in one of the other ways given. */
function openTopicOf(db: Connection, topic: string, ...alsoClosed: "cancelled"[]): number {
  const topicId = topicIdOf(db, topic);
  // A pruned topic comes first: it stays closed whatever is done about the rest.
  for (const refusal of ["pruned", ...alsoClosed] as const) {
    const at = db.prepare<[number], number | null>(`select ${refusal}_at from topic where id = ?`).pluck().get(topicId);
    if (typeof at === "number") throw new TopicRefusedError({ topic, refusal, endpoint: null });
  }
  return topicId;
}
