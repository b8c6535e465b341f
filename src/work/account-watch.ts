/** The account at SES, read again now and then; and what bulk mail may use of its daily quota. */
import type { Account } from "../aws/ses.ts";
import { count } from "../counted.ts";
import type { ReserveWatch } from "../deliver/sender.ts";
import type { Clock } from "../time/clock.ts";
import type { SesConnection } from "./endpoint.ts";

const ACCOUNT_TIMEOUT_MS = 5_000;
/** An answer that is older than this is asked for again before it is used for the reserve. */
const OLD_MS = 60_000;
/** SES takes one such question a second. */
const LEAST_AGE_MS = 1_000;

/** The account as SES answered last. */
export interface AccountWatch {
  /** As SES answered last; null: it could not be read yet. */
  latest(): Account | null;
  /** The same, plus what this process has sent since then. */
  now(): Account | null;
  /** How long ago it was asked for the answer (ms). Of what was sent since then SES may have counted nothing. */
  ageMs(): number;
  /** Reads the account. Keeps the last answer when it cannot be read. Never rejects. */
  refresh(): Promise<void>;
}

/** Watches the account of `connection`. `sent` returns how many messages this process has sent so far. */
export function createAccountWatch(
  { account, accountAskedAt, ses }: Pick<SesConnection, "account" | "accountAskedAt" | "ses">,
  sent: () => number,
  clock: Pick<Clock, "monotonic">,
): AccountWatch {
  let latest = account;
  let askedAt = accountAskedAt;
  let sentThen = 0;
  let underWay: Promise<void> | null = null;
  const read = async (): Promise<void> => {
    const began = clock.monotonic();
    const answer = await ses.account(ACCOUNT_TIMEOUT_MS);
    if (!("perSecond" in answer)) return;
    [latest, askedAt] = [answer, began];
    // Not before the question: SES has counted what left meanwhile, and it would count twice.
    sentThen = sent();
  };
  return {
    latest: () => latest,
    now: () => latest && { ...latest, sentLast24Hours: latest.sentLast24Hours + sent() - sentThen },
    ageMs: () => clock.monotonic() - askedAt,
    refresh: () => (underWay ??= read().finally(() => (underWay = null))),
  };
}

/**
 * What bulk mail leaves of the account's quota: `keep` recipients. It asks SES again by itself when the last answer is old. When the
 * quota is unlimited or not known there is no reserve, and `tell` hears so once.
 */
export function createReserveWatch(keep: number, account: AccountWatch, tell: (text: string) => void): ReserveWatch {
  let isTold = false;
  const none = (why: string): null => {
    if (!isTold) tell(`The account's daily quota is ${why}, so --reserve keeps nothing back.`);
    isTold = true;
    return null;
  };
  return {
    now() {
      const latest = account.latest();
      // SES leaves the quota out when it does not tell.
      if (latest === null || latest.quota === 0) return none("not known");
      if (latest.quota === null) return none("unlimited");
      const ageMs = account.ageMs();
      if (ageMs > OLD_MS) void account.refresh();
      return { keep, left: latest.quota - latest.sentLast24Hours, ageMs };
    },
    refresh: async () => {
      if (account.ageMs() >= LEAST_AGE_MS) await account.refresh();
    },
    reason() {
      const quota = count(account.latest()?.quota ?? 0);
      return `The daily quota of ${quota} has ${count(keep)} or fewer left, which --reserve keeps for transactional and high-priority mail; bulk mail waits`;
    },
  };
}
