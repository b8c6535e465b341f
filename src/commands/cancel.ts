import { EXIT } from "../errors.ts";
import { storedTopic } from "../store/topic-name.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

export const addCancel: AddCommand = (program, act) => {
  program
    .command("cancel")
    .description("take back what has not been handed to SES; running processes stop within a second")
    .argument("<topic>")
    .action(act((context, _flags, [topic]) => cancel(context, topic ?? "")));
};

async function cancel({ terminal, globals, openStore }: Context, name: string): Promise<number> {
  const store = await openStore({ mustExist: true });
  const topic = await storedTopic(store, name);
  const { cancelled, inFlight } = await store.cancel(topic);
  const totals = await store.totals(topic);
  if (globals.json) terminal.json({ topic, cancelled, in_flight: inFlight, totals });
  else terminal.result(`${topic}: ${cancelled} cancelled, ${inFlight} in flight, ${totals.sent} sent before`);
  return EXIT.done;
}
