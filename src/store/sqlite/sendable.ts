/** Which topics of a scope may be sent from now. */
import type { Scope } from "../../deliver/source.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import type { Connection } from "./connection.ts";

/** The topics of one scope, as they are during one look. */
export interface Sendable {
  /** The only topic that may be sent; null: any of those that `has` names. Undefined: none, the scope names an unknown one. */
  readonly only: number | null | undefined;
  /** True when mail of the topic may be sent now. Looks at each topic once. */
  has(topicId: number): boolean;
}

/** Makes a function that looks at the topics of a scope. What it returns is good for one look, inside one transaction. */
export function createSendable(db: Connection): (scope: Scope) => Sendable {
  const topicOf = db.prepare<[number], AdmittingTopic & { name: string }>(
    "select name, cancelled_at as cancelledAt, endpoint from topic where id = ?",
  );
  const idOf = db.prepare<[string], number>("select id from topic where name = ?").pluck();

  const isSendable = (scope: Scope, topicId: number): boolean => {
    const topic = topicOf.get(topicId);
    if (!topic || topic.cancelledAt !== null || scope.held?.has(topic.name) === true) return false;
    return admit(topic, { adds: false, endpoint: scope.endpoint, content: null }) === "fine";
  };

  return (scope) => {
    const known = new Map<number, boolean>();
    return {
      only: scope.topic === null ? null : idOf.get(scope.topic),
      has(topicId) {
        let answer = known.get(topicId);
        if (answer === undefined) known.set(topicId, (answer = isSendable(scope, topicId)));
        return answer;
      },
    };
  };
}
