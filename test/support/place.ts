/**
 * Where tests keep their jobs: in files, as users do who say nothing else, or on the shared PostgreSQL server, when vitest
 * runs the project "on a server" (test/support/on-server). There each job file that a test names is a schema of its own.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";

let server: string | null = null;
const schemas = new Set<string>();

/** From now on jobs are on the server with this address. */
export function useServer(address: string): void {
  server = address;
}

/** The address of the server that jobs are on; null: they are in files. */
export const jobServer = (): string | null => server;

/** The schema that stands for a job file. */
export function schemaOf(file: string): string {
  const schema = `t_${createHash("sha256").update(file).digest("hex").slice(0, 24)}`;
  schemas.add(schema);
  return schema;
}

/** The schemas that were named so far. */
export const namedSchemas = (): string[] => [...schemas];

/** What a program is started with. */
export interface Invocation {
  args: string[];
  env: Record<string, string>;
}

/** The same in `folder`, with the schema in the place of the job file. An address of a server stays what it is. */
export function placed(folder: string, { args, env }: Invocation): Invocation {
  if (server === null) return { args, env };
  const { db, others } = takeDb(args);
  const location = db ?? (env["SES_MAIL_DB"] || "ses-mail.db");
  if (/^postgres(ql)?:/.test(location)) return { args, env };
  const schema = schemaOf(resolve(folder, location));
  return { args: others, env: { ...env, SES_MAIL_DB: server, SES_MAIL_DB_SCHEMA: schema } };
}

/** Arguments with and without `--db <file>`, `--db=<file>` and `-d <file>`. */
function takeDb(args: string[]): { db: string | null; others: string[] } {
  const others: string[] = [];
  let db: string | null = null;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg === "--") return { db, others: [...others, ...args.slice(index)] };
    if (arg === "--db" || arg === "-d") db = args[++index] ?? "";
    else if (arg.startsWith("--db=")) db = arg.slice("--db=".length);
    else others.push(arg);
  }
  return { db, others };
}
