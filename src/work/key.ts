/** The `key` commands at work: API keys of the gateway, and the key its links are signed with. */
import { createHash, randomInt } from "node:crypto";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import type { KeyScope } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `key add`. */
export interface KeyAddFlags {
  scope: KeyScope[];
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** The gateway's name for the key of its environment, which may do everything. No other key may be taken for it. */
const RESERVED = "SES_MAIL_API_KEY";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** Characters, which give 238 bits of randomness. */
const LENGTH = 40;

/** `key add`: makes a key and prints it; only its SHA-256 is kept. Throws `UserError` for a name that cannot be used. */
export async function createKey(context: Context, name: string, { scope: scopes }: KeyAddFlags): Promise<number> {
  const { terminal, globals } = context;
  checkName(name);
  const key = `smk_${Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("")}`;
  const store = await context.openStore();
  await store.addKey({ name, digest: createHash("sha256").update(key).digest(), scopes });
  if (globals.json) terminal.json({ name, scopes, key });
  else {
    terminal.info(`Key "${name}" may ${scopes.join(", ")}. It is shown this once:`);
    terminal.result(key);
  }
  return EXIT.done;
}

/** `key list`: prints names, scopes and times. The keys themselves are not stored. */
export async function listKeys({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const keys = (await store.keys()).map(({ name, scopes, createdAt, revokedAt }) => ({
    name,
    scopes,
    created_at: isoTime(createdAt),
    revoked_at: isoTime(revokedAt),
  }));
  if (globals.json) terminal.json({ keys });
  else if (keys.length === 0) terminal.result("there are no keys; make one with: ses-mail key add <name>");
  else {
    const cells = keys.map((key) => [key.name, key.scopes.join(","), key.created_at, key.revoked_at ?? ""]);
    terminal.result(await terminal.table(["name", "scopes", "created", "revoked"], cells));
  }
  return EXIT.done;
}

/** `key revoke`: takes a key back; its name may be used again. Throws `UserError` when no live key has this name. */
export async function revokeKey({ openStore, terminal, globals }: Context, name: string): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  if (!(await store.revokeKey(name))) {
    const live = (await store.keys()).filter(({ revokedAt }) => revokedAt === null).map((key) => key.name);
    throw new UserError(
      `there is no key ${JSON.stringify(name)}`,
      live.length > 0 ? `keys here: ${live.join(", ")}` : "there are none; is --db right?",
    );
  }
  if (globals.json) terminal.json({ name, revoked: true });
  else terminal.done(`key "${name}" is revoked`);
  return EXIT.done;
}

/** `key rotate`: signs links with a new key from now on. Links of mails that are out stay good. */
export async function rotateSigningKey({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  await store.rotateSigningKey();
  const count = (await store.signingKeys()).length;
  if (globals.json) terminal.json({ signing_keys: count });
  else terminal.done("links are signed with a new key; links in mails that are out stay good");
  return EXIT.done;
}

function checkName(name: string): void {
  if (!NAME.test(name)) {
    throw new UserError(
      `expected a name of 1 to 64 letters, digits, . _ -, got ${JSON.stringify(name)}`,
      "no key was made",
    );
  }
  if (name === RESERVED)
    throw new UserError(`${RESERVED} is what the key of the environment is called`, "choose another name");
}
