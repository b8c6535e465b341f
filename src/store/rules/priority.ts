/**
 * How urgent messages are. What one person waits for goes before all bulk mail that is not high, so exactly the messages above 5 may
 * use what is reserved.
 */
import type { Kind } from "../../message.ts";

/** Each pair: the priority of bulk mail, and that of transactional mail which was asked for in the same words. */
export const PRIORITIES: readonly (readonly [bulk: number, transactional: number])[] = [
  [1, 6],
  [5, 7],
  [10, 10],
];

/** The priority that a message of this kind is kept with. `asked` is 1 (low), 5 (medium) or 10 (high). */
export function priorityOf(asked: number, kind: Kind): number {
  if (kind === "bulk") return asked;
  return PRIORITIES.find(([bulk]) => bulk === asked)?.[1] ?? asked;
}
