/** A topic that somebody cancels while a command moves its messages. */
import { aboutTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import type { State } from "../message.ts";
import type { Topics } from "../store/store.ts";

/**
 * What to say when the topic is cancelled after a command moved messages of it that are in `states` or were put back from them: the
 * rest stayed as it was, and what was moved was taken back. Null: it is open. To be asked when the command itself left it open.
 */
export async function cutOff(
  context: Context,
  store: Pick<Topics, "topic">,
  { topic, states }: { topic: string; states: readonly State[] },
): Promise<string | null> {
  const { cancelledAt = null } = (await store.topic(topic)) ?? {};
  if (cancelledAt === null) return null;
  const taken = [...new Set([...states, "cancelled"])].join(",");
  return `somebody cancelled the topic meanwhile; reopen it with: ${aboutTopic(context, "retry", topic, `--state ${taken}`)}`;
}
