/** Which topics of a scope may be sent from now. */
import type { Scope } from "../../deliver/source.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import { type Pause, pauseLeftMs } from "../rules/pause.ts";
import type { Connection } from "./connection.ts";

/** The topics of one scope, as they are during one look. */
export interface Sendable {
  /** The only topic that may be sent; null: any of those that `has` names. Undefined: none, the scope names an unknown one. */
  readonly only: number | null | undefined;
  /** True when mail of the topic may be sent now. Looks at each topic once. */
  has(topicId: number): boolean;
}

/** A topic of a scope that may be sent when its pause has ended by itself. */
export interface PausedTopic {
  topicId: number;
  /** When that is, ms since the epoch. */
  until: number;
}

/** Looks at the topics of scopes at an instant `now` (ms since the epoch). What it returns is good for one look, in one transaction. */
export interface TopicLook {
  sendable(scope: Scope, now: number): Sendable;
  /** The topics that wait only for the end of a pause and have pending messages. */
  paused(scope: Scope, now: number): PausedTopic[];
}

type Topic = AdmittingTopic & Pause & { name: string };

/** Makes what looks at the topics of a job file. */
export function createTopicLook(db: Connection): TopicLook {
  const columns = `name, cancelled_at as cancelledAt, endpoint, paused_at as pausedAt, paused_until as pausedUntil`;
  const topicOf = db.prepare<[number], Topic>(`select ${columns} from topic where id = ?`);
  const idOf = db.prepare<[string], number>("select id from topic where name = ?").pluck();
  const pausedUntil = db.prepare<[number], Topic & { topicId: number; pausedUntil: number }>(
    `select id as topicId, ${columns} from topic indexed by topic_paused
     where paused_at is not null and paused_until > ? and pending > 0`,
  );

  const isOpen = (topic: Topic, { held, endpoint }: Scope): boolean => {
    if (topic.cancelledAt !== null || held?.has(topic.name) === true) return false;
    return admit(topic, { adds: false, endpoint, content: null }) === "fine";
  };

  return {
    sendable(scope, now) {
      const known = new Map<number, boolean>();
      const look = (topicId: number): boolean => {
        const topic = topicOf.get(topicId);
        return topic !== undefined && isOpen(topic, scope) && pauseLeftMs(topic, now) === 0;
      };
      return {
        only: scope.topic === null ? null : idOf.get(scope.topic),
        has(topicId) {
          let answer = known.get(topicId);
          if (answer === undefined) known.set(topicId, (answer = look(topicId)));
          return answer;
        },
      };
    },
    paused: (scope, now) =>
      pausedUntil
        .all(now)
        .filter((topic) => (scope.topic === null || scope.topic === topic.name) && isOpen(topic, scope))
        .map(({ topicId, pausedUntil: until }) => ({ topicId, until })),
  };
}
