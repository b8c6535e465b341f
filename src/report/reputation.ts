/**
 * The bounce rates at which Amazon acts on an account, as fractions of sent: at `review` it reviews the account, at
 * `pause` it may pause its sending (SES developer guide, "Reputation dashboard messages"). It looks at the whole
 * account over a volume it calls representative, not at one campaign, and counts hard bounces only.
 */
export const BOUNCE_LIMITS = { review: 0.05, pause: 0.1 };
/** The same limits for the complaint rate. */
export const COMPLAINT_LIMITS = { review: 0.001, pause: 0.005 };

/** Where a rate stands: below both limits, near the first, or beyond the first or the second. */
export type ReputationVerdict = "ok" | "near" | "review" | "pause";

/** Compares a rate (a fraction) with its limits. `near` begins at half of `review`. */
export function verdictOf(rate: number, { review, pause }: { review: number; pause: number }): ReputationVerdict {
  if (rate >= pause) return "pause";
  if (rate >= review) return "review";
  return rate >= review / 2 ? "near" : "ok";
}
