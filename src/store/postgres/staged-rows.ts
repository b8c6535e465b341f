/**
 * Keeps the rows of a list before they are added, in an unlogged table of its own, so that memory does not grow with the list.
 *
 * Rows are sent by COPY, one for each quarter of a megabyte. So a list that comes slowly, through a pipe that says nothing for hours,
 * holds no statement and no transaction open: nobody waits for it, and vacuum is not held back by it. A COPY that ends half-way
 * leaves nothing. A crash of the server empties unlogged tables, so whoever adds the rows counts them first.
 */
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { StoppedError } from "../../errors.ts";
import type { StagedRow } from "../rows.ts";
import type { Job } from "./connection.ts";
import { patiently } from "./waits.ts";
import { qualified } from "./names.ts";
import { end } from "./pool.ts";
import { dropDead, dropTable, inTransaction, limitsStatements, makeTable, renewTable } from "./staged-tables.ts";
import { isAway } from "./trouble.ts";

/** One COPY takes so many characters; more is not faster. Two batches at most are in memory: one being written, one being filled. */
const BATCH = 250_000;
/** A batch is handed to the socket in parts of so many bytes. */
const PART = 65_536;
/** A server that has not taken a batch after so long is gone. */
const COPY_MS = 60_000;
/** The process of a table says so often that it lives. */
const RENEW_MS = 300_000;

/** The rows of one list. */
export interface StagedRows {
  /** The table, as statements name it. It has the columns id, address, email, fields and not_before. */
  readonly table: string;
  /** How many there are, also after `discard`. Their ids are 1, 2, … in the order they were added. */
  readonly count: number;
  /** Adds rows. They are in the table after `flush`. Rejects with the error of an earlier batch, too. */
  add(rows: readonly StagedRow[]): Promise<void>;
  /** Makes the table, and puts every row there. */
  flush(): Promise<void>;
  /** Drops the table. May be called again. What cannot be dropped now is left for the next list. */
  discard(): Promise<void>;
}

/** For statements about all rows of a list: sorting in memory is faster than in files of the server. */
export const MORE_MEMORY = "set local work_mem = '64MB'";

/** For whoever finds fewer rows than `count`: a crash of the server empties their table, as does a failover to a standby. */
export function lostRows({ name }: Pick<Job, "name">): StoppedError {
  return new StoppedError(
    `the database ${name} lost rows of the list while they came in: was it restarted?`,
    "run the same command again",
  );
}

/** Begins a list. Nothing is asked of the server before there are rows. */
export function createStagedRows(job: Job): StagedRows {
  const name = `staged_${randomBytes(8).toString("hex")}`;
  const table = `sm.${name}`;
  const line = createConnection(job, name);
  let text = "";
  let count = 0;
  /** How many rows are in the table for certain. */
  let written = 0;
  let writing: Promise<void> = Promise.resolve();

  /** One batch is written while the next one is filled. */
  const send = async (): Promise<void> => {
    await writing;
    if (text === "") return;
    const batch = text;
    const [first, last] = [written + 1, count];
    text = "";
    writing = line.write(batch, first).then(() => void (written = last));
    // The next call tells of it.
    writing.catch(() => undefined);
  };

  return {
    table,
    get count() {
      return count;
    },
    async add(rows) {
      let [lines, last] = ["", count];
      for (const row of rows) lines += lineOf(row, ++last);
      text += lines;
      count = last;
      if (text.length >= BATCH) await send();
    },
    async flush() {
      await send();
      await writing;
      await line.ready();
    },
    discard: () => line.close(),
  };
}

/** A row in the text format of COPY. */
function lineOf({ email, fields, notBefore }: StagedRow, id: number): string {
  const address = email.toLowerCase();
  // The address as given is kept only when it differs, because most lists are in lower case.
  const given = address === email ? "\\N" : escaped(email);
  return `${id}\t${escaped(address)}\t${given}\t${escaped(fields)}\t${notBefore}\n`;
}

// oxlint-disable-next-line no-control-regex
const SPECIAL = /[\\\n\r\t\0]/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(value: string): string {
  if (!SPECIAL.test(value)) return value;
  // Readers of lists and requests refuse it, so this is a mistake in the program.
  if (value.includes("\0")) throw new Error(`a row holds the character NUL: ${JSON.stringify(value.slice(0, 100))}`);
  return value.replaceAll(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
}

/** The connection that a list comes in by, made when it is needed. Nothing of it outlives a statement, so a pooler may be in between. */
function createConnection(job: Job, name: string) {
  const { text: table } = qualified(`sm.${name}`, job.schema);
  let client: pg.Client | null = null;
  let isMade = false;
  let isLimited = false;
  let isClosed = false;
  /** True: a COPY may still be going on whose end we did not hear of. */
  let isUnsure = false;
  let renewal: NodeJS.Timeout | undefined;

  const connected = async (): Promise<pg.Client> => {
    const open = (client ??= await job.pool.extra());
    if (isMade) return open;
    await dropDead(job, open);
    await makeTable(job, open, name);
    isLimited = await limitsStatements(open);
    isMade = true;
    renewal = setInterval(renew, RENEW_MS);
    renewal.unref();
    return open;
  };
  const lose = (): void => {
    if (client !== null) end(client);
    client = null;
  };
  const renew = (): void => {
    if (client !== null) renewTable(job, client, name).catch(() => undefined);
  };
  const attempt = async <T>(work: (open: pg.Client) => Promise<T>): Promise<T> => {
    try {
      return await work(await connected());
    } catch (error) {
      if (isAway(error)) lose();
      throw error;
    }
  };

  return {
    /** Makes the table. */
    ready: () => patiently(job, () => attempt(() => Promise.resolve())),
    /** Writes a batch whose first row has the id `first`, all of it or nothing. */
    write: (batch: string, first: number): Promise<void> =>
      patiently(job, () =>
        attempt(async (open) => {
          if (isUnsure) await removeFrom(open, table, first);
          isUnsure = true;
          const written = () => copy(open, table, batch);
          await (isLimited ? inTransaction(open, written) : written());
          isUnsure = false;
        }),
      ),
    async close(): Promise<void> {
      if (isClosed) return;
      isClosed = true;
      clearInterval(renewal);
      if (isMade) await attempt((open) => dropTable(job, open, name)).catch(() => undefined);
      lose();
    },
  };
}

/** Writes one batch. Rejects with an error of the connection when the server does not take it in time. */
async function copy(client: pg.Client, table: string, batch: string): Promise<void> {
  const bytes = Buffer.from(batch);
  const stream = client.query(copyFrom(`copy ${table} from stdin`));
  // It may fail more than once: first by our limit, then because its connection is closed.
  stream.on("error", () => undefined);
  const done = once(stream, "finish");
  done.catch(() => undefined);
  const limit = setTimeout(() => stream.emit("error", new Error("timeout expired")), COPY_MS);
  try {
    for (let at = 0; at < bytes.length; at += PART) {
      if (!stream.write(bytes.subarray(at, at + PART))) await Promise.race([once(stream, "drain"), done]);
    }
    stream.end();
    await done;
  } finally {
    clearTimeout(limit);
  }
}

/** A COPY whose end we did not hear of holds a lock on the table until it has ended. */
async function removeFrom(client: pg.Client, table: string, first: number): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`lock table ${table} in access exclusive mode`);
    await client.query(`delete from ${table} where id >= $1`, [first]);
  });
}
