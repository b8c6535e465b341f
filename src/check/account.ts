/** Checks the account: may it send, to whom, and does the list fit into its quota? */
import { formatDuration } from "../time/duration.ts";
import { leftToday } from "../aws/quota.ts";
import type { AccountFacts, Lookup } from "../aws/ses-reader.ts";
import { count, counted } from "../counted.ts";
import { type Finding, finding } from "./finding.ts";

/**
 * The findings about the account. `need` is the number of recipients of the list that are still to be sent to;
 * null without a list.
 */
export function accountFindings(account: AccountFacts, need: number | null): Finding[] {
  return [
    sending(account),
    enforcement(account),
    productionAccess(account),
    ...(need === null ? [quota(account)] : [fit(account, need), duration(account, need)]),
  ];
}

function sending({ sendingEnabled }: AccountFacts): Finding {
  if (sendingEnabled) return finding("ok", "account.sending", "sending is enabled");
  return finding(
    "error",
    "account.sending",
    "sending is paused for this account",
    "aws sesv2 put-account-sending-attributes --sending-enabled, once the cause is known",
  );
}

function enforcement({ enforcement: status }: AccountFacts): Finding {
  const check = "account.enforcement";
  if (status === "HEALTHY") return finding("ok", check, "the account's reputation is healthy");
  const hint = "see Reputation metrics in the SES console, and the e-mail AWS sent about it";
  if (status === "SHUTDOWN") return finding("error", check, "AWS has shut down sending for this account", hint);
  return finding("warning", check, `the account is under review (${status}): bounces or complaints are too many`, hint);
}

function productionAccess({ productionAccess: granted }: AccountFacts): Finding {
  if (granted) return finding("ok", "account.production-access", "the account has production access");
  return finding(
    "warning",
    "account.production-access",
    "the account is in the SES sandbox: it may write to verified addresses and the mailbox simulator only",
    "ask for production access: SES console, Account dashboard, Request production access",
  );
}

function quota(account: AccountFacts): Finding {
  const left = leftToday(account);
  const rate = `${count(account.perSecond)} per second`;
  if (left === null) return finding("ok", "account.quota", `no daily quota, ${rate}`);
  const message = `${count(left)} of ${count(account.quota ?? 0)} recipients are left in these 24 hours, ${rate}`;
  return finding(left > 0 ? "ok" : "warning", "account.quota", message);
}

function fit(account: AccountFacts, need: number): Finding {
  const check = "account.quota";
  const [left, limit] = [leftToday(account), account.quota];
  if (left === null || limit === null)
    return finding("ok", check, `the list needs ${count(need)}, there is no daily quota`);
  const message = `the list needs ${count(need)}, ${count(left)} of ${count(limit)} are left in these 24 hours`;
  if (need <= left) return finding("ok", check, message);
  const days = limit > 0 ? `, ${counted(Math.ceil((need - left) / limit), "more day")} at this quota` : "";
  return finding(
    "warning",
    check,
    `${message}: a run stops there${days}`,
    "run the same command again when the window has moved on, or use --on-quota wait; more quota: Service Quotas console",
  );
}

function duration({ perSecond }: AccountFacts, need: number): Finding {
  if (perSecond <= 0)
    return finding("warning", "account.rate", "the account's sending rate is 0", "see the SES console");
  const time = formatDuration((need / perSecond) * 1000);
  return finding("ok", "account.rate", `about ${time} at the account's ${count(perSecond)} per second`);
}

/** A finding about something that SES did not tell. `what` is the subject of its sentence. */
export function unreadFinding(
  check: string,
  what: string,
  answer: Exclude<Lookup<unknown>, { kind: "found" }>,
): Finding {
  if (answer.kind === "denied") {
    return finding(
      "warning",
      check,
      `${what} could not be read: the credentials lack the permission ${answer.action}`,
      `add ${answer.action} to their IAM policy, or look in the SES console`,
    );
  }
  if (answer.kind === "missing") return finding("error", check, `${what} does not exist in this region`);
  return finding("error", check, `${what} could not be read: ${answer.reason}`, answer.hint);
}
