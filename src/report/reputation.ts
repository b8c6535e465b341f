/**
 * When Amazon acts on an account: it reviews at the first limit and may pause sending at the second (SES developer guide,
 * "Reputation dashboard messages"). It looks at the whole account over a volume it calls representative, not at one
 * campaign, and counts permanent bounces only.
 */
export const BOUNCE_LIMITS = { review: 0.05, pause: 0.1 };
export const COMPLAINT_LIMITS = { review: 0.001, pause: 0.005 };

export type Verdict = "good" | "near" | "review" | "pause";

/** `near` is more than half of what brings a review. */
export function verdictOf(rate: number, { review, pause }: { review: number; pause: number }): Verdict {
  if (rate >= pause) return "pause";
  if (rate >= review) return "review";
  return rate >= review / 2 ? "near" : "good";
}
