/** Shows what `send` is about to do, and asks on a terminal. */
import { leftToday } from "../aws/quota.ts";
import type { Campaign } from "./campaign.ts";
import { readWords } from "../compose/address/encoded-word.ts";
import type { Context } from "./context.ts";
import type { SesConnection } from "./endpoint.ts";
import { UserError } from "../errors.ts";
import type { RenderedMail } from "../message.ts";
import type { SendFlags } from "./send-flags.ts";
import { formatDuration } from "../time/duration.ts";

/** What a send is about to do. */
export interface SendPlan {
  /** Null: no list was given, and what is due goes out. */
  campaign: Campaign | null;
  /** The mail of the first recipient, by which people recognise the campaign; null: not known. */
  first: RenderedMail | null;
  /** How many messages may leave, before `--max`. */
  recipients: number;
  connection: SesConnection;
}

/** Warns of what may stop the run and shows the plan; on a terminal asks, unless `--yes`. Throws `UserError` for a no. */
export async function confirmSend(context: Context, plan: SendPlan, flags: SendFlags): Promise<void> {
  const { io, terminal } = context;
  const recipients = Math.min(plan.recipients, flags.max ?? plan.recipients);
  const quota = quotaLeft(plan.connection);
  if (recipients === 0) return;
  warnOfAccount(context, plan.connection, { recipients, quota, onQuota: flags.onQuota });
  const { perSecond } = plan.connection;
  const duration = formatDuration((recipients * 1000) / perSecond);
  const interactive = io.stdin.isTTY === true && io.stderr.isTTY === true;
  if (!interactive || flags.yes) {
    const left = quota === null ? "" : `, ${quota} left of today's quota`;
    terminal.info(`Up to ${recipients} messages at ${perSecond} per second: about ${duration}${left}.`);
    return;
  }
  for (const line of planLines(plan, recipients, duration, quota)) terminal.info(line);
  if (!(await terminal.confirm("Send now?"))) throw new UserError("not confirmed", "nothing was sent");
}

interface Need {
  recipients: number;
  quota: number | null;
  onQuota: SendFlags["onQuota"];
}

function warnOfAccount({ terminal }: Context, { account }: SesConnection, { recipients, quota, onQuota }: Need): void {
  if (quota !== null && recipients > quota) {
    terminal.warn(
      `Today's quota has ${quota} left, the list needs ${recipients}: the run will ${onQuota === "wait" ? "wait" : "stop"} there, and can be resumed.`,
    );
  }
  if (account?.enforcement === "PROBATION")
    terminal.warn("The account is on probation: look at its bounces and complaints first.");
  if (account && !account.productionAccess)
    terminal.warn("The account is in the SES sandbox: it can only write to verified addresses.");
}

function planLines(plan: SendPlan, recipients: number, duration: string, quota: number | null): string[] {
  const { first, campaign, connection } = plan;
  return [
    ...(first ? [`  From        ${readWords(first.from)}`, `  Subject     ${first.subject}`] : []),
    ...(campaign ? [`  Topic       ${campaign.topic}`] : []),
    `  Recipients  ${recipients}`,
    `  Rate        ${connection.perSecond} per second, about ${duration}`,
    `  Quota       ${quota === null ? "unknown or unlimited" : `${quota} left of today's`}`,
    ...(connection.endpoint === "sandbox" ? ["  To          the sandbox; nothing leaves this machine"] : []),
  ];
}

/** What is left of today's quota; null: it is unlimited or not known. */
function quotaLeft({ account }: SesConnection): number | null {
  return account === null || account.quota === 0 ? null : leftToday(account);
}
