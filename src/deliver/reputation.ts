/**
 * Notices a list that ruins the sender before Amazon does: SES reviews an account at 5 % bounces or 0.1 % complaints and
 * pauses it at 10 % or 0.5 % (SES developer guide, "Reputation dashboard messages").
 */

/** Messages of a topic by what came back of them. */
export interface Reputation {
  topic: string;
  pending: number;
  sent: number;
  delivered: number;
  bounced_permanent: number;
  complained: number;
}

/** Percent; Infinity: no limit. */
export interface ReputationLimits {
  bounceRate: number;
  complaintRate: number;
}

/** SES speaks of a "representative volume"; below this a single bad domain would stop a campaign. */
const LEAST_ANSWERS = 500;

/**
 * Why nothing more may be sent, or null. Only topics with something left to send count: one that is done, however badly it
 * went, is in nobody's way. Rates are of the messages whose fate is known, or, where no delivery is ever told (the
 * configuration set publishes bounces and complaints only), of all that were sent.
 */
export function tooManyBad(
  topics: readonly Reputation[],
  limits: ReputationLimits,
): { reason: string; hint: string } | null {
  for (const topic of topics) {
    const { pending, sent, delivered, bounced_permanent: bounced, complained } = topic;
    if (pending === 0 || delivered + bounced < LEAST_ANSWERS) continue;
    const of = delivered > 0 ? delivered + bounced : Math.max(sent, bounced);
    const found =
      over(topic, "bounce", bounced, of, limits.bounceRate) ??
      over(topic, "complaint", complained, of, limits.complaintRate);
    if (found) return found;
  }
  return null;
}

function over(
  { topic }: Reputation,
  kind: "bounce" | "complaint",
  count: number,
  of: number,
  limit: number,
): { reason: string; hint: string } | null {
  const rate = (100 * count) / of;
  if (rate <= limit) return null;
  const option = `--max-${kind}-rate`;
  return {
    reason: `topic "${topic}" has a ${kind} rate of ${percent(rate)} (${count} of ${of} messages), more than the ${percent(limit)} of ${option}`,
    hint:
      `look where its addresses come from (ses-mail export ${quoted(topic)}), then cancel it (ses-mail cancel ${quoted(topic)}) ` +
      `or go on with a higher ${option}, or ${option} off`,
  };
}

/** `7.25 %`, never rounded down to the limit it is over. */
function percent(rate: number): string {
  return `${Number((Math.ceil(rate * 1000 - 1e-9) / 1000).toFixed(3))} %`;
}

function quoted(topic: string): string {
  return /^[\w.-]+$/.test(topic) ? topic : `'${topic.replaceAll("'", String.raw`'\''`)}'`;
}
