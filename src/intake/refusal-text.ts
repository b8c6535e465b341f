/** Tells people why a topic refuses what they want of it. */
import { shellWord, topicCommand } from "../shell.ts";
import type { RefusedTopic } from "../store/rules/admit.ts";

/** The reason, in one sentence without advice: what can be done depends on who asked. */
export function refusalReason({ topic, refusal, endpoint }: RefusedTopic): string {
  switch (refusal) {
    case "cancelled":
      return `topic "${topic}" is cancelled and takes no further recipients`;
    case "pruned":
      return `topic "${topic}" was pruned and takes no further recipients, because nobody knows any more who had it`;
    case "rehearsed":
      return endpoint === "ses"
        ? `topic "${topic}" was only rehearsed`
        : `the rehearsal of topic "${topic}" is being removed, so that it can be sent for real`;
    case "rehearsing":
      return `topic "${topic}" is being rehearsed now`;
    case "sent-for-real":
      return `topic "${topic}" went to Amazon SES, it cannot be rehearsed any more`;
    case "other-content":
      return `topic "${topic}" already has a different content`;
    case "sent-as-variant":
      return `some of topic "${topic}" were sent this content through the gateway already, others would get it twice`;
  }
}

/** The reason, and what can be done: for clients that send requests. */
export function refusalText(refused: RefusedTopic): string {
  return `${refusalReason(refused)}; ${adviceOf(refused)}`;
}

function adviceOf({ topic, refusal }: RefusedTopic): string {
  switch (refusal) {
    case "cancelled":
      return `reopen it with: ${topicCommand("retry", topic, "--state cancelled")}`;
    case "rehearsed":
      return `send it for real with: ses-mail send --topic ${shellWord(topic)}, or name another topic`;
    case "rehearsing":
      return "post it again when that has ended, or name another topic";
    default:
      return "name another topic";
  }
}
