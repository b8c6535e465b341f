/** Tells people why a topic refuses what they want of it. */
import { topicCommand } from "../shell.ts";
import type { RefusedTopic } from "../store/rules/admit.ts";

/** The reason, in one sentence without advice: what can be done depends on who asked. */
export function refusalReason({ topic, refusal, endpoint }: RefusedTopic): string {
  switch (refusal) {
    case "cancelled":
      return `topic "${topic}" is cancelled and takes no further recipients`;
    case "other-endpoint":
      return endpoint === "ses"
        ? `topic "${topic}" was sent to the sandbox, it cannot go on to Amazon SES`
        : `topic "${topic}" was sent to Amazon SES, it cannot go on to the sandbox`;
    case "other-content":
      return `topic "${topic}" already has a different content`;
    case "sent-as-variant":
      return `some of topic "${topic}" were sent this content through the gateway already, others would get it twice`;
  }
}

/** The reason, and what can be done: for clients that send requests. */
export function refusalText(refused: RefusedTopic): string {
  const reopen = `reopen it with: ${topicCommand("retry", refused.topic, "--state cancelled")}`;
  return `${refusalReason(refused)}; ${refused.refusal === "cancelled" ? reopen : "name another topic"}`;
}
