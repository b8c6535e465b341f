import { type CampaignFlags, importCampaign } from "./campaign.ts";
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
  return code;
}
