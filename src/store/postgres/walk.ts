/** Walks the messages of a topic in parts, inside one transaction. */
import { InterruptedError } from "../../errors.ts";
import type { Tx } from "./transaction.ts";
import { type Part, partsOf, rangesOf } from "./ranges.ts";

/** How many ids one part covers. It takes some tens of milliseconds, and between two parts signals are heard. */
const SIZE = 20_000;

/**
 * Asks the same of one part after another, in the order in which messages were added, until all messages of the topic are covered.
 * `sql` makes the statement; `values` are $3 and the following. Rejects with InterruptedError when the signal aborts.
 */
export type Walk = <Row>(sql: (part: Part) => string, ...values: readonly unknown[]) => AsyncGenerator<Row[]>;

/** Makes a walk over the messages of one topic. */
export async function createWalk(query: Tx["query"], topicId: number, signal: AbortSignal): Promise<Walk> {
  const ranges = await rangesOf(query, [topicId]);
  return async function* walk<Row>(sql: (part: Part) => string, ...values: readonly unknown[]): AsyncGenerator<Row[]> {
    for (const part of partsOf(ranges, SIZE)) {
      if (signal.aborted) throw new InterruptedError();
      yield await query<Row>(sql(part), [...part.values, ...values]);
    }
  };
}
