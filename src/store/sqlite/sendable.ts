/** Which topics of a scope may be sent from now. */
import type { Scope } from "../../deliver/source.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import { type Pause, pauseLeftMs } from "../rules/pause.ts";
import type { Connection } from "./connection.ts";
import { ADMITTING } from "./list-topics.ts";

/** The topics of one scope, as they are during one look. */
export interface Sendable {
  /** The only topic that may be sent; null: any of those that `has` names. Undefined: none, the scope names an unknown one. */
  readonly only: number | null | undefined;
  /** True when mail of the topic may be sent now. Looks at each topic once. */
  has(topicId: number): boolean;
}

/** A topic that only a pause keeps from being sent. */
export interface PausedTopic {
  /** The topic alone, as if it were not paused. */
  topics: Sendable;
  /** Milliseconds until the pause ends by itself. */
  leftMs: number;
}

/** What may be sent. Answers are good for one look, inside one transaction. `now` is in ms since the epoch. */
export interface SendableTopics {
  of(scope: Scope, now: number): Sendable;
  /** The topics of the scope with pending mail whose pause ends by itself. */
  paused(scope: Scope, now: number): PausedTopic[];
  /** True when only a move that is under way keeps a topic of the scope with pending mail from being sent. */
  isMoving(scope: Scope, now: number): boolean;
}

type Row = AdmittingTopic & Pause & { name: string; movingAt: number | null };

/** Makes what looks at the topics of a scope. */
export function createSendable(db: Connection): SendableTopics {
  const columns = `id, name, ${ADMITTING}, paused_at as pausedAt, paused_until as pausedUntil, moving_at as movingAt`;
  const topicOf = db.prepare<[number], Row>(`select ${columns} from topic where id = ?`);
  const idOf = db.prepare<[string], number>("select id from topic where name = ?").pluck();
  // Few topics are paused, and the index holds no others.
  const timed = db.prepare<[], Row & { id: number }>(
    `select ${columns} from topic indexed by topic_paused
     where paused_at is not null and paused_until is not null and pending > 0`,
  );
  const moving = db.prepare<[], Row>(
    `select ${columns} from topic indexed by topic_moving where moving_at is not null and pending > 0`,
  );

  return {
    of(scope, now) {
      const known = new Map<number, boolean>();
      const look = (topicId: number): boolean => {
        const topic = topicOf.get(topicId);
        return topic !== undefined && isOpen(scope, topic) && pauseLeftMs(topic, now) === 0;
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
      timed
        .all()
        .filter((topic) => (scope.topic === null || scope.topic === topic.name) && isOpen(scope, topic))
        .map((topic) => ({ topics: { only: topic.id, has: () => true }, leftMs: pauseLeftMs(topic, now) }))
        .filter(({ leftMs }) => leftMs > 0 && leftMs !== Infinity),
    isMoving: (scope, now) =>
      moving
        .all()
        .some(
          (topic) =>
            (scope.topic === null || scope.topic === topic.name) &&
            isOpen(scope, { ...topic, movingAt: null }) &&
            pauseLeftMs(topic, now) === 0,
        ),
  };
}

/** True when nothing but a pause can keep mail of the topic from being sent in this scope. */
function isOpen(scope: Scope, topic: Row): boolean {
  // What has not moved yet may be due, but somebody wants it sent at another time, or with another content.
  if (topic.cancelledAt !== null || topic.movingAt !== null || scope.held?.has(topic.name) === true) return false;
  return admit(topic, { adds: false, endpoint: scope.endpoint, content: null }) === "fine";
}
