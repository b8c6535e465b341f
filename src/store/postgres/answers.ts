/** How long we wait for an answer. A connection can lead nowhere without any sign of it: no answer, no error, no end. */
import type pg from "pg";

/** How long the server may take for what costs it nothing (ms). After that its connection leads nowhere. */
export const ANSWER_MS = 10_000;

/** A question about millions of messages, or a change of their table, may take minutes. It is given up after this (ms) where nobody can look. */
export const QUESTION_MS = 15 * 60_000;

/** Runs statements that cost the server nothing, on any connection. Rejects when it does not answer in time. */
export async function briefly<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const limited = { text, query_timeout: ANSWER_MS, ...(values.length > 0 && { values: [...values] }) };
  return (await client.query<Row>(limited)).rows;
}
