/** Where the store of a command is: the option, its variable, or `DATABASE_URL`. */
import { resolve } from "node:path";
import type { Io } from "../io.ts";
import { checkLocation, isServer } from "../store/address.ts";

/** The default of `--db`, in the working directory. */
export const JOB_FILE = "ses-mail.db";

/** What was said about the place of the store. */
export interface Asked {
  /** The value of `--db`, which may be its default. */
  db: string;
  /** Where the value comes from; `default`: nobody gave one. */
  source: "cli" | "env" | "default";
  /**
   * True: `DATABASE_URL` counts when nobody gave another place and it names a PostgreSQL server. Only for what runs as a service:
   * the variable is often another program's, in whose database no tables must be made by the way.
   */
  readsDatabaseUrl: boolean;
}

/** The absolute path of the job file, or the address of the server as it was given. @throws UserError for any other address. */
export function locate({ cwd, env }: Pick<Io, "cwd" | "env">, { db, source, readsDatabaseUrl }: Asked): string {
  const { DATABASE_URL: other = "" } = env;
  const usesOther = source === "default" && readsDatabaseUrl && isServer(other);
  const location = (usesOther ? other : db).trim();
  checkLocation(location, usesOther ? "DATABASE_URL" : source === "env" ? "SES_MAIL_DB" : "--db");
  return isServer(location) ? location : resolve(cwd, usesOther ? other : db);
}

/** The place that a command works on when `--db` is not given. An address that cannot be read is given back as it is. */
export function usualLocation({ cwd, env }: Pick<Io, "cwd" | "env">): string {
  const db = env["SES_MAIL_DB"] || JOB_FILE;
  return isServer(db) ? db : resolve(cwd, db);
}
