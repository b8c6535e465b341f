/**
 * How urgent messages are. What one person waits for goes before all bulk mail that is not high, so exactly the messages above
 * `BULK_PRIORITY` may use what is reserved.
 */
import type { Kind } from "../../message.ts";

/** The priority of bulk mail that nobody gave another one, and the highest that bulk mail has unless it is `high`. */
export const BULK_PRIORITY = 5;

/** Each pair: the priority of bulk mail, and that of transactional mail which was asked for in the same words. */
export const PRIORITIES: readonly (readonly [bulk: number, transactional: number])[] = [
  [1, 6],
  [BULK_PRIORITY, 7],
  [10, 10],
];

/** The priority that a message of this kind is kept with. `asked` is 1 (low), 5 (medium) or 10 (high). */
export function priorityOf(asked: number, kind: Kind): number {
  if (kind === "bulk") return asked;
  return PRIORITIES.find(([bulk]) => bulk === asked)?.[1] ?? asked;
}
