/** Sends statements over one connection. */
import process from "node:process";
import type { Writable } from "node:stream";
import type pg from "pg";
import { QUESTION_MS } from "./answers.ts";
import { qualified } from "./names.ts";
import type { Link } from "./pool.ts";
import { codeOf } from "./trouble.ts";
import { whileWorking } from "./watch.ts";

/** Runs a statement, in which `sm.` stands for our schema, and returns its rows. */
export type Query = <Row>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/** What names the schema. */
interface InSchema {
  schema: string;
}

/**
 * Runs one statement on a connection, and returns its rows. `statementMs`: how long to wait for the answer (ms); 0: as long as the server
 * works on it.
 */
export async function ask1<Row>(
  { schema }: InSchema,
  link: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<Row[]> {
  const { text, name } = qualified(sql, schema);
  // A pooler gives the next statement to another session, which does not know the name.
  const named = !link.isPooled && values.length > 0 && { name };
  const { rows } = await answerTo(link, { text, values: [...values], ...named }, statementMs);
  return rows as Row[];
}

/** The same for a statement without rows. Returns how many rows it changed. */
export async function run1(
  { schema }: InSchema,
  link: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<number> {
  const { text } = qualified(sql, schema);
  return (await answerTo(link, { text, values: [...values] }, statementMs)).rowCount ?? 0;
}

/** The same for statements without values and rows, which may be several in one text. */
export async function command(link: Link, text: string, statementMs: number): Promise<void> {
  await answerTo(link, { text }, statementMs);
}

function answerTo(link: Link, config: pg.QueryConfig, statementMs: number): Promise<pg.QueryResult> {
  gather(link.client);
  // Behind a pooler nobody knows which process of the server is ours.
  const limitMs = statementMs === 0 && link.isPooled ? QUESTION_MS : statementMs;
  if (limitMs === 0) return whileWorking(link, link.client.query(config));
  const limited = { ...config, query_timeout: limitMs };
  return link.client.query(limited);
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
