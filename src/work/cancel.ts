import { aboutTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import { EXIT } from "../errors.ts";
import { storedTopic } from "../store/topic-name.ts";

/** `cancel`: takes back the messages of a topic that were not handed to SES. Throws `UserError` for an unknown topic. */
export async function cancel(context: Context, name: string): Promise<number> {
  const { terminal, globals, openStore } = context;
  const store = await openStore({ ifMissing: "refuse" });
  const topic = await storedTopic(store, name);
  const { cancelled } = await store.cancel(topic);
  const totals = await store.totals(topic);
  // Answers may have come since, so what is in flight is told as of the same moment as the totals.
  const inFlight = totals.sending;
  const isPruned = ((await store.topic(topic))?.prunedAt ?? null) !== null;
  if (globals.json) terminal.json({ topic, cancelled, in_flight: inFlight, totals });
  else {
    const before = totals.sent === 0 ? "none sent before" : `${count(totals.sent)} sent before`;
    terminal.done(`${topic}: ${count(cancelled)} cancelled, ${count(inFlight)} in flight, ${before}`);
    if (inFlight > 0) terminal.info("What is in flight can no longer be stopped.");
    if (isPruned) terminal.info("It was pruned: its messages are gone, and it takes no further recipients.");
    if (isPruned) return EXIT.done;
    // It is closed even when nothing was left to be taken back, which its next list would only find out.
    const what =
      totals.cancelled > 0 ? "put them back with" : "It takes no further recipients until you reopen it with";
    terminal.info(`${what}: ${aboutTopic(context, "retry", topic, "--state cancelled")}`);
  }
  return EXIT.done;
}
