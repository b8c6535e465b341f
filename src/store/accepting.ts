/** What both stores pass along while they take a request in. */
import type { AcceptCounts, AcceptedIds, Endpoint } from "./rows.ts";

/** What a request is told, filled message by message. */
export interface Told {
  counts: { -readonly [name in keyof AcceptCounts]: number };
  ids: AcceptedIds;
}

/** With what a message of a request is added, besides what it says itself. */
export interface Occasion {
  /** When the topic is due that the message may make; null: at once. */
  dueAt: number | null;
  endpoint: Endpoint;
}
