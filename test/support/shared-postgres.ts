/** The servers that all test files of one run share (test/support/lender.ts). Each test has a schema of its own there. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import pg from "pg";
import { inject } from "vitest";
import type { Row } from "./postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Path of the socket where shared servers are asked for. */
    lender: string;
  }
}

export type LentName = "postgres" | "pgbouncer";

export interface Lent {
  /** As the role that owns the database. */
  url: string;
  /** As a superuser. */
  adminUrl: string;
}

const lent = new Map<LentName, Promise<Lent>>();

/** A server for this run, started when nobody asked before. @throws when it cannot be started. */
export function sharedServer(name: LentName = "postgres"): Promise<Lent> {
  const known = lent.get(name) ?? borrow(name);
  lent.set(name, known);
  return known;
}

async function borrow(name: LentName): Promise<Lent> {
  const socket = connect(inject("lender"));
  socket.write(`${name}\n`);
  const answer = JSON.parse(await text(socket));
  if (answer.failure !== undefined) throw new Error(`the tests' ${name} did not start: ${answer.failure}`);
  return answer;
}

/** Numbers as the store reads them, without a change to what the program under test reads. */
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);

let direct: Promise<pg.Pool> | null = null;

/** Rows of one statement on the shared server itself, run by a superuser. */
export async function onServer(sql: string, parameters: unknown[] = []): Promise<Row[]> {
  direct ??= sharedServer().then(({ adminUrl }) => {
    const pool = new pg.Pool({ connectionString: adminUrl, max: 2, allowExitOnIdle: true, types: TYPES });
    pool.on("error", () => undefined);
    return pool;
  });
  return (await (await direct).query(sql, parameters)).rows;
}

/** A name that no other test has. */
export const newSchema = (): string => `t_${randomBytes(8).toString("hex")}`;

/** Removes a schema and all that is in it. Fine when there is none. */
export async function dropSchema(schema: string): Promise<void> {
  const drop = () => onServer(`set client_min_messages = warning; drop schema if exists "${schema}" cascade`);
  await drop().catch(async (error: unknown) => {
    if (!isDeadlock(error)) throw error;
    await drop();
  });
}

/** The server ends one of two that wait for each other: us, or a statement that a killed process left behind. */
function isDeadlock(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "40P01";
}
