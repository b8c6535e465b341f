/** Keeps where the mail of topics goes. */
import type { Endpoint } from "../rows.ts";
import type { Tx } from "./transaction.ts";
import type { Counters } from "./state-counters.ts";
import { concernsSql, mailWith } from "./suppressed.ts";

const TURN = `update sm.topic set endpoint = $2 where id = any ($1::int[]) and endpoint is distinct from $2`;

// Few addresses are suppressed by rehearsals, so start from them.
const SUPPRESS = `with moved as (
    update sm.message m set state = 'suppressed'
    from sm.suppression s join sm.recipient r on r.address = s.address
    where s.rehearsal and ${concernsSql("s", mailWith("m.content_id"))} and r.topic_id = any ($1::int[]) and m.id = r.message_id and m.topic_id = r.topic_id
      and m.state = 'pending'
    returning m.topic_id)
  select topic_id as "topicId", count(*)::int8 as count from moved group by topic_id`;

/**
 * From now on the mail of the topics goes there. To be used inside a transaction whose counters are written later. Returns how many
 * of their messages a rehearsal suppressed before: they are `suppressed` now.
 */
export async function turnTo(
  tx: Tx,
  counters: Counters,
  topicIds: readonly number[],
  endpoint: Endpoint,
): Promise<number> {
  const turned = tx.run(TURN, [topicIds, endpoint]);
  const suppressed =
    endpoint === "sandbox" ? tx.query<{ topicId: number; count: number }>(SUPPRESS, [topicIds]) : Promise.resolve([]);
  const [, rows] = await Promise.all([turned, suppressed]);
  for (const { topicId, count } of rows) counters.move(topicId, "pending", "suppressed", count);
  return rows.reduce((sum, { count }) => sum + count, 0);
}
