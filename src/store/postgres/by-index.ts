/** Keeps the planner from reading whole tables. */
import type { Tx } from "./transaction.ts";

const BY_INDEX = `select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true)`;

/**
 * From here on, the statements of a transaction find rows by index only. A plan is kept for as long as a connection lives. One that was
 * made while the tables were nearly empty would read all of them for each row that is looked up, and they may grow a thousandfold
 * before the server looks at them again.
 */
export async function byIndex(query: Tx["query"]): Promise<void> {
  await query(BY_INDEX);
}
