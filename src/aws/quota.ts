import type { Account } from "./ses.ts";

/** Recipients the rolling 24 hours have room for, never negative; null when there is no limit. */
export function leftToday({ quota, sentLast24Hours }: Pick<Account, "quota" | "sentLast24Hours">): number | null {
  return quota === null ? null : Math.max(0, Math.floor(quota - sentLast24Hours));
}
