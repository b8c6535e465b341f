import type { SnsMessage } from "./envelope.ts";
import type { HttpsGet } from "./https-get.ts";
import { tryAgain } from "./refusal.ts";
import { parseTopicArn, snsHost } from "./topic-arn.ts";

/**
 * Confirms the subscription of a verified message by asking SNS itself. The URL is made of the signed SNS topic and
 * token; `SubscribeURL` is never fetched. Throws `SnsRefusal` (503, so that SNS asks again) when SNS does not confirm
 * it.
 */
export async function confirmSubscription({ topicArn, token }: SnsMessage, ask: HttpsGet): Promise<void> {
  const region = parseTopicArn(topicArn)?.region;
  if (region === undefined) throw tryAgain("The subscription cannot be confirmed: its SNS topic has no region");
  const query = new URLSearchParams({
    Action: "ConfirmSubscription",
    TopicArn: topicArn,
    Token: token,
    Version: "2010-03-31",
  });
  const answer = await ask(`https://${snsHost(region)}/?${query.toString()}`).catch(() => null);
  if (answer === null) throw tryAgain("SNS cannot be reached to confirm the subscription");
  if (answer.status !== 200) throw tryAgain("SNS did not confirm the subscription");
}
