/** Keeps the API keys of the gateway and the keys that sign links in mails. */
import { randomBytes } from "node:crypto";
import { UserError } from "../../errors.ts";
import type { ApiKey, KeyScope } from "../rows.ts";
import type { Keys } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";

type KeyRow = Omit<ApiKey, "scopes"> & { scopes: string };

/** Makes the part of the store that keeps API keys and signing keys. */
export function createKeys(job: Job): Keys {
  return { ...createApiKeys(job), ...createSigningKeys(job) };
}

function createApiKeys(job: Job): Pick<Keys, "addKey" | "keys" | "revokeKey"> {
  return {
    addKey: ({ name, digest, scopes }) =>
      transaction(job, async (tx) => {
        // Nobody else can add one before we are done: we hold the writer lock.
        const live = await tx.query("select 1 from sm.api_key where name = $1 and revoked_at is null", [name]);
        if (live.length > 0) {
          throw new UserError(
            `there is a key "${name}" already`,
            `choose another name, or revoke it first: ses-mail key revoke ${name}`,
          );
        }
        await tx.run("insert into sm.api_key (name, digest, scopes, created_at) values ($1, $2, $3, $4)", [
          name,
          digest,
          JSON.stringify(scopes),
          tx.now.wall,
        ]);
      }),
    async keys() {
      const rows = await read<KeyRow>(
        job,
        `select name, digest, scopes, created_at as "createdAt", revoked_at as "revokedAt" from sm.api_key order by id`,
      );
      return rows.map((row) => ({ ...row, scopes: JSON.parse(row.scopes) as KeyScope[] }));
    },
    revokeKey: (name) =>
      transaction(job, async (tx) => {
        const sql = "update sm.api_key set revoked_at = $1 where name = $2 and revoked_at is null";
        return (await tx.run(sql, [tx.now.wall, name])) > 0;
      }),
  };
}

const SECRETS = "select secret from sm.signing_key order by id desc";

function createSigningKeys(job: Job): Pick<Keys, "signingKeys" | "rotateSigningKey"> {
  return {
    async signingKeys() {
      const found = secretsOf(await read(job, SECRETS));
      if (found.length > 0) return found;
      return transaction(job, async (tx) => {
        // Another process may have added it while we waited.
        const added = secretsOf(await tx.query(SECRETS));
        return added.length > 0 ? added : [await addSecret(tx)];
      });
    },
    rotateSigningKey: () => transaction(job, async (tx) => void (await addSecret(tx))),
  };
}

const secretsOf = (rows: readonly { secret: Buffer }[]): Buffer[] => rows.map(({ secret }) => secret);

async function addSecret(tx: Tx): Promise<Buffer> {
  const secret = randomBytes(32);
  await tx.run("insert into sm.signing_key (secret, created_at) values ($1, $2)", [secret, tx.now.wall]);
  return secret;
}
