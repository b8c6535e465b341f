/** Keeps where the mail of a topic goes. */
import type { Endpoint } from "../rows.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./state-counters.ts";
import { concernsSql, mailWith } from "./suppressed.ts";

/** Makes what turns topics to an endpoint that they admit. To be used inside a transaction, between `begin` and `write` of `counters`. */
export function createEndpoints(db: Connection, counters: Counters) {
  const take = db.prepare<[Endpoint, number, Endpoint]>(
    "update topic set endpoint = ? where id = ? and endpoint is not ?",
  );
  // Few addresses are suppressed by rehearsals, so start from them.
  const suppress = db.prepare<[number, number]>(
    `update message set state = 'suppressed' where state = 'pending' and id in (
       select r.message_id from suppression s cross join recipient r on r.address = s.address and r.topic_id = ?
         cross join message m on m.id = r.message_id
       where s.rehearsal = 1 and ${concernsSql({ list: "s.list", reason: "s.reason" }, mailWith("m.content_id"))})
     and topic_id = ?`,
  );
  return {
    /** From now on the topic goes there. Returns how many of its messages a rehearsal suppressed before: they are `suppressed` now. */
    turn(topicId: number, endpoint: Endpoint): number {
      if (take.run(endpoint, topicId, endpoint).changes === 0 || endpoint !== "sandbox") return 0;
      const { changes } = suppress.run(topicId, topicId);
      counters.move(topicId, "pending", "suppressed", changes);
      return changes;
    },
  };
}
