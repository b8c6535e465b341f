/** Walks the messages of a topic in steps, inside one transaction. */
import { InterruptedError } from "../../errors.ts";
import type { Ending } from "./ending.ts";
import { IN_STEP, rangesOf, STEP, stepsOf } from "./ranges.ts";

/** How many ids one step covers. A step takes some tens of milliseconds, and between two steps signals are heard. */
const SIZE = 20_000;

/** The messages `m` of a step. */
export const MESSAGES = `${STEP} join sm.message m on ${IN_STEP}`;
/** What SES and readers told of the messages of a step: rows `f` of `feedback`. */
export const FEEDBACK = `${STEP} join sm.feedback f on f.message_id between r.first and r.last`;

/**
 * Asks `sql` of one step after another, in the order in which messages were added, until all messages of the topic are covered. The
 * statement reads `MESSAGES` or `FEEDBACK`; `values` are $4 and the following. Rejects with InterruptedError when the signal aborts.
 */
export type Walk = <Row>(sql: string, ...values: readonly unknown[]) => AsyncGenerator<Row[]>;

/** Makes a walk over the messages of one topic. */
export async function createWalk({ query, signal }: Ending, topicId: number): Promise<Walk> {
  const ranges = await rangesOf(query, [topicId]);
  return async function* walk<Row>(sql: string, ...values: readonly unknown[]): AsyncGenerator<Row[]> {
    for (const step of stepsOf(ranges, SIZE)) {
      if (signal.aborted) throw new InterruptedError();
      yield await query<Row>(sql, [...step, ...values]);
    }
  };
}
