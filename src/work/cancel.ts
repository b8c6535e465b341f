import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { storedTopic } from "../store/topic-name.ts";

/** `cancel`: takes back the messages of a topic that were not handed to SES. Throws `UserError` for an unknown topic. */
export async function cancel({ terminal, globals, openStore }: Context, name: string): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  const topic = await storedTopic(store, name);
  const { cancelled, inFlight } = await store.cancel(topic);
  const totals = await store.totals(topic);
  if (globals.json) terminal.json({ topic, cancelled, in_flight: inFlight, totals });
  else terminal.done(`${topic}: ${cancelled} cancelled, ${inFlight} in flight, ${totals.sent} sent before`);
  return EXIT.done;
}
