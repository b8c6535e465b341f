/** Which messages may be claimed now, and which wait. */
import type { Claim, Scope } from "../../deliver/source.ts";
import type { CapTurn } from "./cap.ts";
import { UNSCHEDULED } from "./waiting.ts";
import type { Connection } from "./connection.ts";

type Span = [from: number, to: number];

/** Finds due messages: by priority, then topic, then time, then order of arrival. Every step is a seek in one index. */
export function dueMessages(db: Connection) {
  const count = db
    .prepare<[number, number, number, number], number>(
      `select count(*) from message indexed by message_pending
       where state = 'pending' and priority = ? and topic_id = ? and not_before between ? and ?`,
    )
    .pluck();
  const earliestIn = db
    .prepare<[number, number, number, number], number | null>(
      `select min(not_before) from message indexed by message_pending
       where state = 'pending' and priority = ? and topic_id = ? and not_before between ? and ?`,
    )
    .pluck();
  const range = db.prepare<[number, number, number, number, number], Claim>(
    `select id, topic_id as topicId, content_id as contentId, ingest_id as ingestId, email, fields, attempts
     from message indexed by message_pending
     where state = 'pending' and priority = ? and topic_id = ? and not_before between ? and ?
     order by not_before, id limit ?`,
  );
  const places = placesOf(db);

  return {
    /** Up to `limit` of them. What `cap` holds back is left out, and to be moved by it. */
    find(scope: Scope, now: number, limit: number, cap: CapTurn | null): Claim[] {
      const found: Claim[] = [];
      for (const { priority, topicId } of places(scope)) {
        for (const [from, to] of dueSpans(scope, now)) {
          if (cap === null) found.push(...range.all(priority, topicId, from, to, limit - found.length));
          else {
            for (const row of range.iterate(priority, topicId, from, to, -1)) {
              if (cap.admits(row)) found.push(row);
              if (found.length >= limit || cap.isExhausted()) break;
            }
          }
          if (found.length >= limit || cap?.isExhausted() === true) return found;
        }
      }
      return found;
    },
    outlook(scope: Scope, now: number): { due: number; nextDueAt: number | null } {
      let due = 0;
      let nextDueAt = Number.POSITIVE_INFINITY;
      for (const { priority, topicId } of places(scope)) {
        for (const [from, to] of dueSpans(scope, now)) due += count.get(priority, topicId, from, to) ?? 0;
        const scheduled = earliestIn.get(priority, topicId, now + 1, UNSCHEDULED) ?? Number.POSITIVE_INFINITY;
        const waiting = earliestIn.get(priority, topicId, now + 1 - UNSCHEDULED, -1) ?? Number.POSITIVE_INFINITY;
        nextDueAt = Math.min(nextDueAt, scheduled, waiting + UNSCHEDULED);
      }
      return { due, nextDueAt: Number.isFinite(nextDueAt) ? nextDueAt : null };
    },
    countLate(scope: Scope, now: number): number {
      let late = 0;
      for (const { priority, topicId } of places(scope))
        late += count.get(priority, topicId, 1, earliest(scope, now) - 1) ?? 0;
      return late;
    },
  };
}

/** At once; at once but held up until now; scheduled. */
function dueSpans(scope: Scope, now: number): Span[] {
  return [
    [0, 0],
    [-UNSCHEDULED, now - UNSCHEDULED],
    [earliest(scope, now), now],
  ];
}

/** Scheduled messages before this instant are too late; others never are. */
function earliest(scope: Scope, now: number): number {
  return scope.maxLateMs === null ? 1 : Math.max(1, now - scope.maxLateMs);
}

/** Where pending messages of the scope are: the highest priority first, older topics first. */
function placesOf(db: Connection) {
  const nextPriority = db
    .prepare<[number]>(
      "select max(priority) from message indexed by message_pending where state = 'pending' and priority < ?",
    )
    .pluck();
  const nextTopic = db
    .prepare<[number, number]>(
      "select min(topic_id) from message indexed by message_pending where state = 'pending' and priority = ? and topic_id > ?",
    )
    .pluck();
  const topicOf = db.prepare<[number], { name: string; cancelled_at: number | null; endpoint: string | null }>(
    "select name, cancelled_at, endpoint from topic where id = ?",
  );
  return function* places(scope: Scope): Generator<{ priority: number; topicId: number }> {
    for (let priority = 11; ;) {
      const next = nextPriority.get(priority);
      if (typeof next !== "number") return;
      priority = next;
      for (let topicId = 0; ;) {
        const following = nextTopic.get(priority, topicId);
        if (typeof following !== "number") break;
        topicId = following;
        const topic = topicOf.get(topicId);
        if (!topic || topic.cancelled_at !== null || scope.held?.has(topic.name) === true) continue;
        if (topic.endpoint !== null && topic.endpoint !== scope.endpoint) continue;
        if (scope.topic === null || scope.topic === topic.name) yield { priority, topicId };
      }
    }
  };
}
