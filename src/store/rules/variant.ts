/**
 * As what a message stands in its topic. Address, topic and variant together are there once (`recipient` in the schema), so
 * the variant decides what is taken for a repeat.
 */
import { NO_TOPIC } from "../../message.ts";

/** The variant of messages with the topic's own content: what lists bring. */
export const OWN_VARIANT = 0;

/**
 * - `own`: the topic's own content. An address gets it once, whether by a list or by a request.
 * - `beside`: another content in the same topic, such as the next verification code. An address gets each once.
 * - `apart`: mail without a topic has nothing in common. It is never taken for a repeat.
 */
export type Standing = "own" | "beside" | "apart";

export function standingOf(topic: { name: string; contentId: number }, contentId: number): Standing {
  if (topic.name === NO_TOPIC) return "apart";
  return contentId === topic.contentId ? "own" : "beside";
}

/** The number kept for it. Ids of contents and messages are positive, so no two standings share one. */
export function variantOf(standing: Standing, contentId: number, messageId: number): number {
  switch (standing) {
    case "own":
      return OWN_VARIANT;
    case "beside":
      return contentId;
    case "apart":
      return -messageId;
  }
}
