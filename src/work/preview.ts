/** The `preview` command at work: one recipient's mail, on the terminal or as files. */
import { type CampaignFlags, readCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { UserError } from "../errors.ts";
import { renderOne } from "./one-mail.ts";
import { showMail, type ShowFlags } from "./show-mail.ts";

/** Options of `preview`. */
export interface PreviewFlags extends CampaignFlags, ShowFlags {
  /** 1 is the first. */
  row: number;
}

/** `preview`: shows the mail of one row. Throws `UserError` when it could not be sent, or the folder cannot be written to. */
export async function preview(context: Context, file: string, flags: PreviewFlags): Promise<number> {
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  const mail = await renderOne(context.io, campaign, {
    row: flags.row,
    refusal: (reason, line) =>
      new UserError(`row ${flags.row} (line ${line}) is refused: ${reason}`, "choose another with --row"),
  });
  return showMail(context, mail, flags, { topic: campaign.topic, row: flags.row });
}
