/** Shows what `send` is about to do, and asks on a terminal. */
import type { Context } from "./context.ts";
import { count } from "../counted.ts";
import type { SesConnection } from "./endpoint.ts";
import { UserError } from "../errors.ts";
import type { SendFlags } from "./send-flags.ts";
import { type FirstMail, planTable, quotaLeft, type SendPlan, toSend } from "./send-plan.ts";

/** True when somebody can be asked, and has not answered with `--yes`. A list on stdin leaves no way to answer. */
export function isAsked({ io }: Pick<Context, "io">, file: string | null, flags: Pick<SendFlags, "yes">): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true && file !== "-" && !flags.yes;
}

/** The error for a new list on stdin without `--yes`. */
export function needsYes(): UserError {
  return new UserError(
    "send expects --yes for a new list on stdin, because nobody can be asked; nothing was sent or changed",
    "look at it with --dry-run, then add --yes",
  );
}

/** Shows the plan and asks. Throws `UserError` for a no, `InterruptedError` when a signal came instead of an answer. */
export async function confirmSend(
  { io, terminal }: Context,
  plan: SendPlan,
  { first, connection }: { first: FirstMail | null; connection: SesConnection },
  flags: SendFlags,
): Promise<void> {
  const about = planTable(plan, { first, connection, flags, now: io.clock.now() });
  if (!(await terminal.confirm("Send now?", about))) throw new UserError("not confirmed", "nothing was sent");
}

/** Warns of what may stop the run, or should not be forgotten. */
export function warnOfAccount(
  { terminal }: Context,
  plan: SendPlan,
  connection: SesConnection,
  flags: Pick<SendFlags, "max" | "onQuota" | "reserve">,
): void {
  const { account } = connection;
  const [messages, quota] = [toSend(plan, flags), quotaLeft(connection)];
  const kept = flags.reserve ?? 0;
  if (quota !== null && messages > quota - kept) {
    const end = flags.onQuota === "wait" ? "wait" : "stop";
    terminal.warn(
      `Today's quota has ${count(quota)} left${kept > 0 ? ` (--reserve keeps ${count(kept)})` : ""}, and ${count(messages)} are to be sent: the run will ${end} there, and can be resumed.`,
    );
  }
  if (account?.enforcement === "PROBATION")
    terminal.warn("The account is on probation: look at its bounces and complaints first.");
  if (account && !account.productionAccess)
    terminal.warn("The account is in the SES sandbox: it can only write to verified addresses.");
}
