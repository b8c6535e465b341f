/** A topic's refusal in the words of the command line. */
import { UserError } from "../errors.ts";
import { refusalReason } from "../intake/refusal-text.ts";
import { type RefusedTopic, type TopicRefusal, TopicRefusedError } from "../store/rules/admit.ts";

const HINTS: Record<TopicRefusal, (topic: string) => string> = {
  cancelled: (topic) => `reopen it with: ses-mail retry "${topic}" --state cancelled, or name a new one with --topic`,
  rehearsed: (topic) => `send it for real with: ses-mail send --topic "${topic}"`,
  rehearsing: () => "wait until that has ended, or stop it",
  "sent-for-real": (topic) =>
    `rehearse under another name, such as --topic "${rehearsalName(topic)}", or with another --db`,
  "other-content": () => "use --topic for a new topic, or --replace-content to change what has not been sent yet",
  "sent-as-variant": () => "use --topic for a new topic",
};

/** A name for a rehearsal of the topic. Names have 100 characters at most. */
function rehearsalName(topic: string): string {
  return `${Array.from(topic).slice(0, 95).join("")}-test`;
}

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
