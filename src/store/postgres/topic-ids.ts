/** Finds topics by their names. */
import { UserError } from "../../errors.ts";
import type { Tx } from "./transaction.ts";

/**
 * The id of a topic. `database` is how the database is displayed.
 * @throws UserError when there is none of this name, with the five latest topics in its hint.
 */
export async function topicIdOf(query: Tx["query"], topic: string, database: string): Promise<number> {
  if (isStorable(topic)) {
    const [found] = await query<{ id: number }>("select id from sm.topic where name = $1", [topic]);
    if (found !== undefined) return found.id;
  }
  const latest = await query<{ name: string }>("select name from sm.topic order by id desc limit 5");
  const known = latest.map(({ name }) => name).join(", ");
  throw new UserError(
    `there is no topic "${topic}" in ${database}`,
    latest.length > 0 ? `topics here: ${known}` : "it holds no topics yet; is --db right?",
  );
}

/** False: no column can have this text, so nothing of this name is there. PostgreSQL refuses the question with an error. */
export const isStorable = (text: string): boolean => !text.includes("\0");
