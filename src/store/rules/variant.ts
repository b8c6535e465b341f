/**
 * Variants decide what is a repeat. An address, a topic and a variant together exist once in a store, so a second message with the
 * same three is a duplicate.
 */
import { hash } from "node:crypto";
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

/** Variants from here on are hashes of a content and data. No id is that large. */
const HASHED = 2 ** 52;

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

/**
 * What tells the mails with one content apart: the address, in lower case, and the variant of its data; null: it has none. No address
 * begins with a number and a space.
 */
export const mailKey = (address: string, data: number | null): string =>
  data === null ? address : `${data} ${address}`;

/**
 * Makes a function that gives the variant of this content with these data (the text of a JSON object), for a message with a topic: other
 * data are another mail, also when the content is the topic's own. `contentHash` is the SHA-256 of the content. The variant is 2^52 and
 * 52 bits of a hash; it is less likely that two mails to one address in one topic share it than that both are lost.
 */
export function dataVariants(contentHash: string): (data: string) => number {
  let last = { data: "", variant: -1 };
  return (data) => {
    // Mostly all addresses of a message share their data.
    if (last.variant < 0 || data !== last.data) {
      const bits = hash("sha256", `${contentHash} ${data}`).slice(0, 13);
      last = { data, variant: HASHED + Number.parseInt(bits, 16) };
    }
    return last.variant;
  };
}
