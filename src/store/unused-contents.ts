/** What is left of contents that nobody has any more. */
import type { Content } from "../message.ts";

/**
 * Takes the place of the own content of a topic that only programs wrote to, when no message has that content any more: it may have
 * named a person.
 */
export const REMOVED_CONTENT: Content = {
  from: "",
  replyTo: [],
  subject: "(removed)",
  html: "",
  text: "",
  headers: [],
  tags: [],
  attachments: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
  allowEmpty: false,
};

/** Which contents are in use: one bit for each id, because there may be millions. */
export interface UsedIds {
  add(ids: Iterable<number>): void;
  has(id: number): boolean;
}

/** Makes an empty set of ids up to `last`. Ids above it are taken for used. */
export function createUsedIds(last: number): UsedIds {
  const bits = new Uint8Array(Math.floor(last / 8) + 1);
  return {
    add(ids) {
      for (const id of ids) if (id <= last) bits[id >> 3] = (bits[id >> 3] ?? 0) | (1 << (id & 7));
    },
    has: (id) => id > last || ((bits[id >> 3] ?? 0) & (1 << (id & 7))) !== 0,
  };
}
