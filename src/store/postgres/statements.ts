/** Sends statements over one connection. */
import process from "node:process";
import type { Writable } from "node:stream";
import { qualified } from "./names.ts";
import type { Link } from "./pool.ts";
import { codeOf } from "./trouble.ts";

/** Runs a statement, in which `sm.` stands for our schema, and returns its rows. */
export type Query = <Row>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/** What names the schema. */
interface InSchema {
  schema: string;
}

/** Runs one statement on a connection, and returns its rows. `statementMs`: how long to wait for the answer (ms); 0: no limit. */
export async function ask1<Row>(
  { schema }: InSchema,
  { client, isPooled }: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<Row[]> {
  const { text, name } = qualified(sql, schema);
  gather(client);
  const { rows } = await client.query({
    text,
    values: [...values],
    // A pooler gives the next statement to another session, which does not know the name.
    ...(!isPooled && values.length > 0 && { name }),
    ...(statementMs > 0 && { query_timeout: statementMs }),
  });
  return rows as Row[];
}

/** The same for a statement without rows. Returns how many rows it changed. */
export async function run1(
  { schema }: InSchema,
  { client }: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<number> {
  const { text } = qualified(sql, schema);
  const config = { text, values: [...values], ...(statementMs > 0 && { query_timeout: statementMs }) };
  gather(client);
  return (await client.query(config)).rowCount ?? 0;
}

/** Runs statements without values, which may be several in one text. Waits up to `statementMs` (ms) for the answer; 0: no limit. */
export async function command({ client }: Link, text: string, statementMs: number): Promise<void> {
  gather(client);
  await client.query({ text, ...(statementMs > 0 && { query_timeout: statementMs }) });
}

/** Lets statements that are begun at the same time leave in one packet: to write costs more than to make them. */
function gather(client: Link["client"]): void {
  const { stream } = client.connection as unknown as { stream: Writable };
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Waits for all, then throws the error of the first that failed: those after it only say that the transaction is over. */
export async function allOf(asked: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(asked)) if (result.status === "rejected") throw result.reason;
}

/**
 * Makes a memory of what failed in a transaction. After one statement has failed, those that were sent together with it fail, too, and
 * do not say why.
 */
export function createFailures() {
  let first: { error: unknown } | null = null;
  return {
    forget: () => void (first = null),
    /** Passes a statement on, and remembers its error when it is the first. */
    async note<R>(asked: Promise<R>): Promise<R> {
      try {
        return await asked;
      } catch (error) {
        first ??= { error };
        throw error;
      }
    },
    /** The error that an error comes from. */
    causeOf: (error: unknown): unknown => (codeOf(error) === "25P02" && first !== null ? first.error : error),
  };
}
