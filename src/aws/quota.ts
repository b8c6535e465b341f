import type { Account } from "./ses.ts";

/**
 * How many more recipients the account may send to in its rolling 24 hours: a whole number, 0 or more; null when there
 * is no limit.
 */
export function leftToday({ quota, sentLast24Hours }: Pick<Account, "quota" | "sentLast24Hours">): number | null {
  return quota === null ? null : Math.max(0, Math.floor(quota - sentLast24Hours));
}
