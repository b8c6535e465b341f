/** Keeps where the mail of a topic goes. */
import type { Endpoint } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { concernsSql, mailWith } from "./suppressed.ts";

/** Makes what turns topics to an endpoint that they admit. To be used inside a transaction, between `begin` and `write` of `counters`. */
export function createEndpoints(db: Connection, counters: Counters) {
  const take = db.prepare<[Endpoint, number, Endpoint]>(
    "update topic set endpoint = ? where id = ? and endpoint is not ?",
  );
  const takeAlong = db.prepare<[Endpoint, number]>("update arriving set endpoint = ? where joins = ?");
  // What joins the topic goes where the topic goes. Its recipients may be those of the topic already.
  const joining = db.prepare<[number], number>("select topic_id from arriving where joins = ?").pluck();
  // Few addresses are suppressed by rehearsals, so start from them.
  const suppress = db.prepare<[{ topicId: number; of: number }]>(
    `update message set state = 'suppressed' where state = 'pending' and id in (
       select r.message_id from suppression s
         cross join recipient r on r.address = s.address and r.topic_id in (@topicId, @of)
         cross join message m on m.id = r.message_id
       where s.rehearsal = 1 and ${concernsSql({ list: "s.list", reason: "s.reason" }, mailWith("m.content_id"))})
     and topic_id = @of`,
  );
  return {
    /** From now on the topic goes there. Returns how many of its messages a rehearsal suppressed before: they are `suppressed` now. */
    turn(topicId: number, endpoint: Endpoint): number {
      if (take.run(endpoint, topicId, endpoint).changes === 0) return 0;
      takeAlong.run(endpoint, topicId);
      if (endpoint !== "sandbox") return 0;
      let suppressed = 0;
      for (const of of [topicId, ...joining.all(topicId)]) {
        const { changes } = suppress.run({ topicId, of });
        counters.move(of, "pending", "suppressed", changes);
        suppressed += changes;
      }
      return suppressed;
    },
  };
}

/** From now on the topic is rehearsed, inside a transaction. What rehearsals suppressed is kept back from the first message on. */
export function enterRehearsal(db: Connection, topicId: number): void {
  const counters = createCounters(db);
  createEndpoints(db, counters).turn(topicId, "sandbox");
  counters.write();
}
