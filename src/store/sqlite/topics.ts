/** What a person does to a topic: cancel, retry, move to another time. */
import type { Clock } from "../../time/clock.ts";
import { UserError } from "../../errors.ts";
import type { State } from "../../message.ts";
import { type Connection, transaction } from "./connection.ts";
import { createCounters } from "./counters.ts";
import type { Reschedule } from "../rows.ts";
import { NO_TOPIC } from "../../message.ts";

interface Range {
  topic_id: number;
  first_id: number;
  last_id: number;
  columns: string;
}

export function createTopicActions(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const write = <T>(work: () => T) =>
    transaction(
      db,
      clock,
      () => {
        counters.begin();
        const result = work();
        counters.write();
        return result;
      },
      job.onWait,
    );
  const rangesOf = db.prepare<[number], Range>(
    "select topic_id, first_id, last_id, columns from ingest where topic_id = ? order by id",
  );
  const openIds = db.prepare<[], number>("select id from topic where cancelled_at is null").pluck();

  const cancel = (topic: string) => {
    const topicId = topicIdOf(db, topic);
    // Mail without a topic has nothing in common: what waits is taken back, what comes later is another matter.
    if (topic !== NO_TOPIC)
      db.prepare("update topic set cancelled_at = ifnull(cancelled_at, ?) where id = ?").run(clock.now(), topicId);
    const update = db.prepare(
      "update message set state = 'cancelled' where id between ? and ? and topic_id = ? and state = 'pending'",
    );
    let cancelled = 0;
    for (const range of rangesOf.all(topicId)) cancelled += update.run(range.first_id, range.last_id, topicId).changes;
    counters.move(topicId, "pending", "cancelled", cancelled);
    const inFlight = Number(db.prepare("select sending from topic where id = ?").pluck().get(topicId));
    return { cancelled, inFlight };
  };

  const retryTopic = (topicId: number, states: State[]): number => {
    const update = db.prepare<[string, number, number, number], { state: State }>(
      `update message set attempts = 0, error = null,
         state = case when exists (select 1 from suppression where address = lower(email)) then 'suppressed' else 'pending' end
       where state = ? and id between ? and ? and topic_id = ? returning state`,
    );
    let retried = 0;
    for (const from of states) {
      for (const range of rangesOf.all(topicId)) {
        const to = update.all(from, range.first_id, range.last_id, topicId);
        const pending = to.filter((row) => row.state === "pending").length;
        counters.move(topicId, from, "pending", pending);
        counters.move(topicId, from, "suppressed", to.length - pending);
        retried += pending;
      }
    }
    // Pending in a cancelled topic would never be sent.
    if (retried > 0 || states.includes("cancelled"))
      db.prepare("update topic set cancelled_at = null where id = ?").run(topicId);
    return retried;
  };

  const reschedule = (topic: string, when: Reschedule): number => {
    const topicId = topicIdOf(db, topic);
    db.prepare("update topic set not_before = ? where id = ?").run(when.notBefore || null, topicId);
    let moved = 0;
    for (const range of rangesOf.all(topicId)) {
      moved += when.instantOf ? moveEach(range, when.instantOf) : moveAll(range, when.notBefore);
    }
    return moved;
  };
  const moveAll = (range: Range, notBefore: number) =>
    db
      .prepare("update message set not_before = ? where id between ? and ? and topic_id = ? and state = 'pending'")
      .run(notBefore, range.first_id, range.last_id, range.topic_id).changes;
  const moveEach = (range: Range, instantOf: (fields: Record<string, string>) => number) => {
    const columns = JSON.parse(range.columns) as string[];
    const update = db.prepare("update message set not_before = ? where id = ?");
    const rows = db
      .prepare<[number, number, number], { id: number; fields: string }>(
        "select id, fields from message where id between ? and ? and topic_id = ? and state = 'pending'",
      )
      .all(range.first_id, range.last_id, range.topic_id);
    for (const row of rows) update.run(instantOf(fieldsOf(columns, row.fields)), row.id);
    return rows.length;
  };

  return {
    cancel: (topic: string) => write(() => cancel(topic)),
    retry: (topic: string | null, states: State[]) =>
      write(() => {
        const topicIds = topic === null ? openIds.all() : [topicIdOf(db, topic)];
        return topicIds.reduce((sum, topicId) => sum + retryTopic(topicId, states), 0);
      }),
    reschedule: (topic: string, when: Reschedule) => write(() => reschedule(topic, when)),
  };
}

/** @throws UserError when there is no such topic, with the ones there are. */
export function topicIdOf(db: Connection, topic: string): number {
  const id = db.prepare<[string], number>("select id from topic where name = ?").pluck().get(topic);
  if (id !== undefined) return id;
  const known = db.prepare<[], string>("select name from topic order by id desc limit 5").pluck().all();
  throw new UserError(
    `there is no topic "${topic}" in ${db.name}`,
    known.length > 0 ? `topics here: ${known.join(", ")}` : "it holds no topics yet; is --db right?",
  );
}

export function fieldsOf(columns: string[], fields: string): Record<string, string> {
  const values = JSON.parse(fields) as string[];
  return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]));
}
