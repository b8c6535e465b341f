/** Keeps the API keys of the gateway and the keys that sign links in mails. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../time/clock.ts";
import { UserError } from "../../errors.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import type { ApiKey, KeyScope } from "../rows.ts";
import type { Keys } from "../store.ts";

type KeyRow = Omit<ApiKey, "scopes"> & { scopes: string };

/** Makes the part of the store that keeps API keys and signing keys. */
export function createKeys(job: Job): Keys {
  const { db, clock } = job;
  const write = <T>(work: () => T) => transaction(job, work);
  return { ...createApiKeys(db, clock, write), ...createSigningKeys(db, clock, write) };
}

type Write = <T>(work: () => T) => Promise<T>;

function createApiKeys(db: Connection, clock: Clock, write: Write): Pick<Keys, "addKey" | "keys" | "revokeKey"> {
  const live = db.prepare<[string]>("select 1 from api_key where name = ? and revoked_at is null");
  const insert = db.prepare<[string, Buffer, string, number]>(
    "insert into api_key (name, digest, scopes, created_at) values (?, ?, ?, ?)",
  );
  const all = db.prepare<[], KeyRow>(
    "select name, digest, scopes, created_at as createdAt, revoked_at as revokedAt from api_key order by id",
  );
  const revoke = db.prepare<[number, string]>(
    "update api_key set revoked_at = ? where name = ? and revoked_at is null",
  );
  return {
    addKey: ({ name, digest, scopes }) =>
      write(() => {
        if (live.get(name) !== undefined) {
          throw new UserError(
            `there is a key "${name}" already`,
            `choose another name, or revoke it first: ses-mail key revoke ${name}`,
          );
        }
        insert.run(name, digest, JSON.stringify(scopes), clock.now());
      }),
    keys: async () => all.all().map((row) => ({ ...row, scopes: JSON.parse(row.scopes) as KeyScope[] })),
    revokeKey: (name) => write(() => revoke.run(clock.now(), name).changes > 0),
  };
}

function createSigningKeys(db: Connection, clock: Clock, write: Write): Pick<Keys, "signingKeys" | "rotateSigningKey"> {
  const all = db.prepare<[], Buffer>("select secret from signing_key order by id desc").pluck();
  const insert = db.prepare<[Buffer, number]>("insert into signing_key (secret, created_at) values (?, ?)");
  const add = () => void insert.run(randomBytes(32), clock.now());
  return {
    async signingKeys() {
      const found = all.all();
      if (found.length > 0) return found;
      return write(() => {
        // Another process may have added it while we waited.
        if (all.all().length === 0) add();
        return all.all();
      });
    },
    rotateSigningKey: () => write(add),
  };
}
