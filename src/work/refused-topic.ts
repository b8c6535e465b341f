/** A topic's refusal in the words of the command line. */
import { UserError } from "../errors.ts";
import { aboutTopic, sendTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { shellWord } from "../shell.ts";
import { refusalReason } from "../intake/refusal-text.ts";
import { type RefusedTopic, type TopicRefusal, TopicRefusedError } from "../store/rules/admit.ts";

/** What of the context the suggested commands need. */
type Where = Pick<Context, "io" | "globals">;

const HINTS: Record<TopicRefusal, (topic: string, where: Where) => string> = {
  cancelled: (topic, where) =>
    `reopen it with: ${aboutTopic(where, "retry", topic, "--state cancelled")}, or name a new one with --topic`,
  pruned: () => "use --topic for a new topic",
  rehearsed: (topic, where) => `send it for real with: ${sendTopic(where, topic, null)}`,
  rehearsing: () => "wait until that has ended, or stop it",
  "sent-for-real": (topic) =>
    `rehearse under another name, such as --topic ${shellWord(rehearsalName(topic))}, or with another --db`,
  "other-content": () => "use --topic for a new topic, or --replace-content to change what has not been sent yet",
  "sent-as-variant": () => "use --topic for a new topic",
};

/** A name for a rehearsal of the topic. Names have 100 characters at most. */
export function rehearsalName(topic: string): string {
  return `${Array.from(topic).slice(0, 95).join("")}-test`;
}

/** The error for a refusal: why, and what to do about it. */
export function refusedTopic(where: Where, refused: RefusedTopic): UserError {
  return new UserError(refusalReason(refused), HINTS[refused.refusal](refused.topic, where));
}

/** Resolves and rejects as `work` does, but turns a `TopicRefusedError` into a `UserError`. */
export async function tellingRefusals<T>(where: Where, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof TopicRefusedError ? refusedTopic(where, error.refused) : error;
  }
}
