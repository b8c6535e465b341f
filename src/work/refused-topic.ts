/** A topic's refusal in the words of the command line. */
import { UserError } from "../errors.ts";
import { topicCommand } from "../shell.ts";
import { refusalReason } from "../intake/refusal-text.ts";
import { type RefusedTopic, type TopicRefusal, TopicRefusedError } from "../store/rules/admit.ts";

const HINTS: Record<TopicRefusal, (topic: string) => string> = {
  cancelled: (topic) =>
    `reopen it with: ${topicCommand("retry", topic, "--state cancelled")}, or name a new one with --topic`,
  "other-endpoint": () => "use another --topic, or another job file with --db",
  "other-content": () => "use --topic for a new topic, or --replace-content to change what has not been sent yet",
  "sent-as-variant": () => "use --topic for a new topic",
};

/** The error for a refusal: why, and what to do about it. */
export function refusedTopic(refused: RefusedTopic): UserError {
  return new UserError(refusalReason(refused), HINTS[refused.refusal](refused.topic));
}

/** Resolves and rejects as `work` does, but turns a `TopicRefusedError` into a `UserError`. */
export async function tellingRefusals<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof TopicRefusedError ? refusedTopic(error.refused) : error;
  }
}
