/**
 * Variants decide what is a repeat. An address, a topic and a variant together exist once in a store, so a second message with the
 * same three is a duplicate.
 */
import { NO_TOPIC } from "../../message.ts";

/** The variant of messages with the topic's own content, such as those of lists. */
export const OWN_VARIANT = 0;

/**
 * How the content of a message relates to its topic.
 *
 * - `own`: it is the topic's own content. An address gets it once, by a list or by a request.
 * - `beside`: it is another content in the same topic, such as the next verification code. An address gets each one once.
 * - `apart`: the message has no topic. It is never a repeat.
 */
export type Standing = "own" | "beside" | "apart";

/** How a message with this content stands in this topic. */
export function standingOf(topic: { name: string; contentId: number }, contentId: number): Standing {
  if (topic.name === NO_TOPIC) return "apart";
  return contentId === topic.contentId ? "own" : "beside";
}

/** The variant to keep. Ids of contents and messages are positive, so no two standings share a number. */
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
