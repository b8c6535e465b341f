/** Finds topics by their names. */
import { UserError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { fileOf } from "./image.ts";

/** The id of a topic. @throws UserError when there is none of this name, with the five latest topics in its hint. */
export function topicIdOf(db: Connection, topic: string): number {
  const id = db.prepare<[string], number>("select id from topic where name = ?").pluck().get(topic);
  if (id !== undefined) return id;
  const known = db.prepare<[], string>("select name from topic order by id desc limit 5").pluck().all();
  throw new UserError(
    `there is no topic "${topic}" in ${fileOf(db)}`,
    known.length > 0 ? `topics here: ${known.join(", ")}` : "it holds no topics yet; is --db right?",
  );
}

/** SQL for the id of the next topic. A list that is on its way has one of which no topic tells yet. */
export const NEXT_TOPIC = `(select 1 + max(ifnull((select max(id) from topic), 0), ifnull((select max(topic_id) from arriving), 0)))`;
