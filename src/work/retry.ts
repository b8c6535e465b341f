/** The `retry` command at work: a person puts messages back to pending. */
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import type { State, Totals } from "../message.ts";
import { remindOfPause } from "./paused.ts";
import { storedTopic } from "../store/topic-name.ts";

/** Options of `retry`. */
export interface RetryFlags {
  /** The states to take. */
  state: State[];
  yes?: boolean;
}

/**
 * `retry`: puts the topic's messages in these states back to pending, and asks first unless `yes`. Throws `UserError` for
 * an unknown topic, when the answer is no, and when there is no terminal to ask on.
 */
export async function retry(context: Context, name: string, { state: states, yes }: RetryFlags): Promise<number> {
  const { terminal, globals } = context;
  const store = await context.openStore({ ifMissing: "refuse" });
  const topic = await storedTopic(store, name);
  const before = await store.totals(topic);
  if (!yes) await confirmRetry(context, topic, states, before);
  const retried = await store.retry(topic, states);
  const totals = await store.totals(topic);
  if (globals.json) terminal.json({ topic, retried, totals });
  else terminal.done(`${topic}: ${retried} back to pending; send them with: ses-mail send --topic "${topic}"`);
  if (retried > 0) await remindOfPause(context, store, topic);
  return EXIT.done;
}

async function confirmRetry({ io, terminal }: Context, topic: string, states: State[], before: Totals): Promise<void> {
  if (!io.stdin.isTTY || !io.stderr.isTTY)
    throw new UserError("retry expects --yes when there is no terminal to ask on", "add --yes");
  const count = states.reduce((sum, state) => sum + before[state], 0);
  const doubt =
    states.includes("in_doubt") && before.in_doubt > 0
      ? ` ${before.in_doubt} of them are in doubt: they may get a second copy.`
      : "";
  if (!(await terminal.confirm(`Put ${count} messages of "${topic}" back to pending?${doubt}`)))
    throw new UserError("not confirmed", "nothing was changed");
}
