/** Finds where the pending messages of a scope are. */
import type { Scope } from "../../deliver/source.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import type { Connection } from "./connection.ts";
import { ADMITTING } from "./list-topics.ts";

/** The pending messages of one topic with one priority, which lie together in the index. */
export interface Place {
  priority: number;
  topicId: number;
}

/** Makes a function that lists the places of a scope with pending messages, by falling priority, and older topics first. */
export function createPlaces(db: Connection): (scope: Scope) => Generator<Place> {
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
  const topicOf = db.prepare<[number], AdmittingTopic & { name: string }>(
    `select name, ${ADMITTING} from topic where id = ?`,
  );
  return function* places(scope) {
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
        if (scope.topic === null || scope.topic === topic.name) yield { priority, topicId };
      }
    }
  };
}
