/** What both stores pass along while they take a request in. */
import type { AcceptCounts, AcceptedIds } from "./rows.ts";

/** What a request is told, filled message by message. */
export interface Told {
  counts: { -readonly [name in keyof AcceptCounts]: number };
  ids: AcceptedIds;
}
