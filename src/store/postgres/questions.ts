/** Asks what the send loop wants to know outside of its transactions. */
import { allOf, ask1, command } from "./statements.ts";
import { connected, type Job } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { SEEK } from "./waiting-index.ts";

/** A server that says nothing for so long is gone. */
const ANSWER_MS = 10_000;
const BEGIN = `begin isolation level read committed read only; set local statement_timeout = 0; ${SEEK}`;

/** Makes a function that asks one question, in one round trip. It takes no lock. What waits is looked up by index only. */
export function questions(job: Job): Tx["query"] {
  return <Row>(sql: string, values: readonly unknown[] = []) =>
    connected(job, "read", async (link) => {
      const begun = command(link, BEGIN, ANSWER_MS);
      const answer = ask1<Row>(job, link, sql, values, ANSWER_MS);
      await allOf([begun, answer, command(link, "commit", ANSWER_MS)]);
      return answer;
    });
}
