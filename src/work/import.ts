import { type CampaignFlags, importCampaign } from "./campaign.ts";
import { sendTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { AT_ONCE } from "./list.ts";

/** `import`: takes the list into its topic, all of it or nothing. Throws `UserError` when content or list cannot be used. */
export async function importRecipients(context: Context, file: string, flags: CampaignFlags): Promise<number> {
  const { topic, ingest, text, totals } = await importCampaign(context, file, flags, AT_ONCE);
  const { terminal, globals } = context;
  const code = ingest.rejected > 0 ? EXIT.partial : EXIT.done;
  if (globals.json) terminal.json({ topic, outcome: "imported", reason: null, ingest, run: null, totals });
  else terminal.done(text, code);
  await tellRehearsal(context, topic);
  return code;
}

/** Who takes a list in may count on a run of all topics to send it, and that leaves rehearsals alone. */
async function tellRehearsal(context: Context, topic: string): Promise<void> {
  const row = await (await context.openStore()).topic(topic);
  if (row?.endpoint !== "sandbox") return;
  const real = sendTopic(context, topic, null);
  context.terminal.warn(`"${topic}" was only rehearsed, so a send of all topics leaves it alone; for real: ${real}`);
}
