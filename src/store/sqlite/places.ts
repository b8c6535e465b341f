/** Finds where the pending messages of a scope are. */
import type { Scope } from "../../deliver/source.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import { type Pause, pauseLeftMs } from "../rules/pause.ts";
import type { Connection } from "./connection.ts";

/** The pending messages of one topic with one priority, which lie together in the index. */
export interface Place {
  priority: number;
  topicId: number;
  /** Milliseconds until the topic's pause ends by itself; 0: it is not paused. */
  pauseLeftMs: number;
}

/**
 * Makes a function that lists the places of a scope with pending messages, by falling priority, and older topics first. Topics that
 * are paused until somebody resumes them are left out. `now` is in ms since the epoch.
 */
export function createPlaces(db: Connection): (scope: Scope, now: number) => Generator<Place> {
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
  const topicOf = db.prepare<[number], AdmittingTopic & Pause & { name: string }>(
    `select name, cancelled_at as cancelledAt, endpoint, paused_at as pausedAt, paused_until as pausedUntil
     from topic where id = ?`,
  );
  return function* places(scope, now) {
    for (let priority = 11; ;) {
      const next = nextPriority.get(priority);
      if (typeof next !== "number") return;
      priority = next;
      for (let topicId = 0; ;) {
        const following = nextTopic.get(priority, topicId);
        if (typeof following !== "number") break;
        topicId = following;
        const topic = topicOf.get(topicId);
        if (!topic || topic.cancelledAt !== null || scope.held?.has(topic.name) === true) continue;
        if (admit(topic, { adds: false, endpoint: scope.endpoint, content: null }) !== "fine") continue;
        const leftMs = pauseLeftMs(topic, now);
        if (leftMs === Infinity) continue;
        if (scope.topic === null || scope.topic === topic.name) yield { priority, topicId, pauseLeftMs: leftMs };
      }
    }
  };
}
