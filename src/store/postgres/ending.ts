/** Ends long questions with a signal. */
import { InterruptedError } from "../../errors.ts";
import type { Tx } from "./connection.ts";
import { codeOf } from "./trouble.ts";

/** Questions of a transaction that end with a signal. */
export interface Ending {
  signal: AbortSignal;
  /** Asks in the transaction. Rejects with InterruptedError when the signal aborts; the transaction is of no use then. */
  query: Tx["query"];
}

/** The server ended a statement because somebody asked it to. */
const CANCELED = "57014";

/** `query` asks in a transaction, `beside` on another connection. */
export async function createEnding(query: Tx["query"], beside: Tx["query"], signal: AbortSignal): Promise<Ending> {
  // Behind a pooler the number is that of the connection that this transaction has until its end.
  const [server] = await query<{ pid: number }>("select pg_backend_pid() as pid");
  return {
    signal,
    async query(sql, values) {
      if (signal.aborted) throw new InterruptedError();
      const ended: Promise<unknown>[] = [];
      const end = (): void => {
        ended.push(beside("select pg_cancel_backend($1)", [server?.pid]).catch(() => undefined));
      };
      signal.addEventListener("abort", end, { once: true });
      try {
        return await query(sql, values);
      } catch (error) {
        throw signal.aborted && codeOf(error) === CANCELED ? new InterruptedError() : error;
      } finally {
        signal.removeEventListener("abort", end);
        // Before the connection does anything else, or that would be ended.
        await Promise.all(ended);
      }
    },
  };
}
