/** The reserve: how much of the account's daily quota bulk mail may use. */
import type { Reserve, Scope } from "../../deliver/source.ts";

/** Messages of this priority and below are bulk mail. */
export const MOST_BULK = 5;

/** How many bulk messages may be claimed, when so many recipients were sent to, or are being, since the account was asked. */
export function bulkRoom({ left, keep }: Reserve, used: number): number {
  return Math.max(0, Math.floor(left - used - keep));
}

/**
 * The scope of a request, `ms` after the request was made: its account was asked so much longer ago. What others sent while we waited
 * for them would be left out otherwise.
 */
export function later(scope: Scope, ms: number): Scope {
  const { reserve } = scope;
  return reserve === undefined ? scope : { ...scope, reserve: { ...reserve, ageMs: reserve.ageMs + ms } };
}
