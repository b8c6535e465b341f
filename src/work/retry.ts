/** The `retry` command at work: a person puts messages back to pending. */
import { aboutTopic, moveTopic, sendTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { cutOff } from "./cut-off.ts";
import { count, counted } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import type { State, Totals } from "../message.ts";
import { remindOfPause } from "./paused.ts";
import type { Store } from "../store/store.ts";
import { storedTopic } from "../store/topic-name.ts";
import { localWhen } from "../time/local.ts";

/** Options of `retry`. */
export interface RetryFlags {
  /** The states to take. */
  state: State[];
  yes?: boolean;
}

/**
 * `retry`: puts the topic's messages in these states that have not expired back to pending, and asks first unless `yes`. Throws
 * `UserError` for an unknown topic, when the answer is no, and when there is no terminal to ask on. Exit code 1 when somebody cancelled
 * the topic before all of them were back.
 */
export async function retry(context: Context, name: string, { state: states, yes }: RetryFlags): Promise<number> {
  const { terminal, globals } = context;
  const store = await context.openStore({ ifMissing: "refuse" });
  const topic = await storedTopic(store, name);
  const before = await store.totals(topic);
  const { cancelledAt = null, prunedAt = null } = (await store.topic(topic)) ?? {};
  if (prunedAt !== null)
    throw new UserError(
      `topic "${topic}" was pruned: its messages are gone, and cannot be retried`,
      "send a list to a new topic",
    );
  const wasCancelled = cancelledAt !== null;
  const changes = sumOf(before, states) > 0 || (wasCancelled && states.includes("cancelled"));
  if (!yes && changes) await confirmRetry(context, topic, states, before);
  const retried = await store.retry(topic, states);
  const totals = await store.totals(topic);
  const expired = await store.countExpired(topic, states);
  const opened = retried > 0 || !wasCancelled || states.includes("cancelled");
  const reason = opened ? await cutOff(context, store, { topic, states }) : null;
  if (globals.json) terminal.json({ topic, retried, expired, totals, reason });
  else {
    const suppressed = Math.max(0, sumOf(before, states) - sumOf(totals, states) - retried);
    const stayed = suppressed > 0 && reason === null ? `, ${count(suppressed)} suppressed meanwhile` : "";
    const late =
      expired > 0
        ? `, ${count(expired)} expired and ${expired === 1 ? "stays" : "stay"} as ${expired === 1 ? "it is" : "they are"}`
        : "";
    const reopened =
      reason === null && wasCancelled && states.includes("cancelled") && retried === 0
        ? ", the topic is open again"
        : "";
    const next = reason ?? (await nextStep(context, store, topic, { retried, pending: totals.pending }));
    terminal.done(`${topic}: ${count(retried)} back to pending${stayed}${late}${reopened}; ${next}`, reason ? 1 : 0);
  }
  if (totals.pending > 0 && reason === null) await remindOfPause(context, store, topic);
  return reason === null ? EXIT.done : EXIT.partial;
}

/** What sends the messages that wait, those that were put back among them, and when. */
async function nextStep(
  context: Context,
  store: Store,
  topic: string,
  { retried, pending }: { retried: number; pending: number },
): Promise<string> {
  if (pending === 0) return `there is nothing to send; see: ${aboutTopic(context, "stats", topic)}`;
  const isOne = pending === 1;
  const them = isOne ? "it" : "them";
  const waiting = retried === 0 ? `${counted(pending, "message waits", "messages wait")} already; ` : "";
  const { endpoint = null, pausedAt = null } = (await store.topic(topic)) ?? {};
  if (pausedAt !== null) return `${waiting}nothing leaves before the topic is resumed`;
  const scope = { topic, endpoint: endpoint ?? "ses", maxLateMs: null } as const;
  const { due, nextDueInMs } = await store.outlook(scope);
  const send = sendTopic(context, topic, endpoint);
  if (due > 0 || nextDueInMs === null) return `${waiting}send ${them} with: ${send}`;
  const now = context.io.clock.now();
  const at = Math.round((now + nextDueInMs) / 1000) * 1000;
  const soon = moveTopic(context, topic, "+1m");
  // Each may have a time of its own. Of the others nobody knows without looking at all of them.
  const when = isOne ? `it is due ${localWhen(at, now)}, when` : `the first is due ${localWhen(at, now)}; from then on`;
  return `${waiting}${when} this sends ${them}: ${send}; to send ${them} sooner: ${soon}`;
}

function sumOf(totals: Totals, states: State[]): number {
  return states.reduce((sum, state) => sum + totals[state], 0);
}

async function confirmRetry({ io, terminal }: Context, topic: string, states: State[], before: Totals): Promise<void> {
  if (!io.stdin.isTTY || !io.stderr.isTTY)
    throw new UserError("retry expects --yes when there is no terminal to ask on", "add --yes");
  const doubt =
    states.includes("in_doubt") && before.in_doubt > 0
      ? ` ${count(before.in_doubt)} of them ${before.in_doubt === 1 ? "is" : "are"} in doubt, which may mean a second copy.`
      : "";
  if (
    !(await terminal.confirm(`Put ${counted(sumOf(before, states), "message")} of "${topic}" back to pending?${doubt}`))
  )
    throw new UserError("not confirmed", "nothing was changed");
}
