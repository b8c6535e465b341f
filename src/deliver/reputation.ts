/**
 * Notices a bad list before Amazon does. SES reviews an account at 5 % bounces or 0.1 % complaints, and may pause it at 10 % or
 * 0.5 % (SES developer guide, "Reputation dashboard messages").
 */
import { shellWord } from "../shell.ts";

/** How many messages of a topic are in each state or had each event. A `TopicRow` is one. */
export interface Reputation {
  topic: string;
  pending: number;
  sent: number;
  delivered: number;
  bounced_permanent: number;
  complained: number;
}

/** The highest rates allowed, in percent; Infinity: no limit. */
export interface ReputationLimits {
  bounceRate: number;
  complaintRate: number;
}

/**
 * Fewer delivered and bounced messages of a topic than this decide nothing, or a single bad domain would stop a campaign. SES speaks
 * of a "representative volume", too.
 */
export const LEAST_ANSWERS = 500;

/**
 * Names the first topic whose bounces or complaints exceed the limits; null: there is none. A topic with nothing left to send is
 * passed over, because stopping would not help. A rate is a share of the messages that were delivered or bounced. When no
 * delivery is known, because the configuration set publishes only bounces and complaints, it is a share of those sent.
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
      `look where its addresses come from (ses-mail export ${shellWord(topic)}), then cancel it (ses-mail cancel ${shellWord(topic)}) ` +
      `or go on with a higher ${option}, or ${option} off`,
  };
}

/** `7.25 %`. Rounded up, so that a rate over a limit never reads as the limit. */
function percent(rate: number): string {
  return `${Number((Math.ceil(rate * 1000 - 1e-9) / 1000).toFixed(3))} %`;
}
