/** Finds the topic that a path names. */
import type { TopicRow } from "../store/rows.ts";
import type { Topics } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";
import { Refusal } from "./errors.ts";

/** The topic of this name, in either form of Unicode. Rejects with a 404 when there is none. */
export async function requireTopic(store: Pick<Topics, "topic">, name: string): Promise<TopicRow> {
  const topic = await store.topic(await storedTopic(store, name));
  if (topic === null) throw new Refusal(404, `there is no topic ${JSON.stringify(name)}`);
  return topic;
}
