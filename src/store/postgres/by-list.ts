/** Counts the messages of a topic by the list of their content. */
import { STATES } from "../../message.ts";
import type { CountsOfList } from "../breakdown.ts";
import { COUNTED, createListTally } from "../by-list.ts";
import { EVENT_COUNTERS, MARK_OF } from "../rules/event-counters.ts";
import type { Ranked } from "../rules/ranking.ts";
import type { Part } from "./ranges.ts";
import type { Walk } from "./walk.ts";

/** The `limit` lists with the most messages; the others are added up. */
export async function byList(walk: Walk, limit: number): Promise<Ranked<CountsOfList>> {
  const tally = createListTally();
  for await (const rows of walk<CountsOfList>(countPart)) for (const counts of rows) tally.add(counts);
  return tally.ranked(limit);
}

const countPart = ({
  has,
}: Part): string => `select c.list, ${COUNTED.map((name) => `sum(${name})::int8 as ${name}`).join(", ")},
    min(first_sent_at) as first_sent_at, max(last_sent_at) as last_sent_at
  from (
    select m.content_id, count(*) as total,
      ${STATES.map((state) => `count(*) filter (where m.state = '${state}') as ${state}`).join(", ")},
      ${EVENT_COUNTERS.map((name) => `count(f.${MARK_OF[name]}) as ${name}`).join(", ")},
      min(m.sent_at) as first_sent_at, max(m.sent_at) as last_sent_at
    from sm.message m left join sm.feedback f on f.message_id = m.id and ${has("f.message_id")}
    where ${has("m.id")} group by 1
  ) of_content join sm.content c on c.id = of_content.content_id group by 1`;
