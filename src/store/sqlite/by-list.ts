/** Counts the messages of a topic by the list of their content. */
import { STATES } from "../../message.ts";
import type { CountsOfList } from "../breakdown.ts";
import { COUNTED, createListTally } from "../by-list.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/event-counters.ts";
import type { Ranked } from "../rules/ranking.ts";
import type { Connection } from "./connection.ts";
import type { Walk } from "./walk.ts";

/** The `limit` lists with the most messages; the others are added up. */
export async function byList(db: Connection, walk: Walk, limit: number): Promise<Ranked<CountsOfList>> {
  const counted = db.prepare<[number, number], CountsOfList>(
    // By content first, and the list of each from its index: in a row it stands behind the body, which is long.
    `select c.list, ${COUNTED.map((name) => `sum(${name}) as ${name}`).join(", ")},
       min(first_sent_at) as first_sent_at, max(last_sent_at) as last_sent_at
     from (
       select m.content_id, count(*) as total, ${STATES.map((state) => `sum(m.state = '${state}') as ${state}`).join(", ")},
         ${EVENT_COUNTERS.map((name) => `count(f.${MARK_OF[name]}) as ${name}`).join(", ")},
         min(m.sent_at) as first_sent_at, max(m.sent_at) as last_sent_at
       from message m left join feedback f on f.message_id = m.id where m.id between ? and ? group by 1
     ) of_content
     left join content c indexed by content_list_of on c.id = of_content.content_id and c.list is not null group by 1`,
  );
  const tally = createListTally();
  await walk((first, last) => {
    for (const counts of counted.all(first, last)) tally.add(counts);
  });
  return tally.ranked(limit);
}
