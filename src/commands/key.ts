import { createHash, randomInt } from "node:crypto";
import { EXIT, UserError } from "../errors.ts";
import type { KeyScope } from "../store/rows.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

interface AddFlags {
  scope: string;
}

const SCOPES: readonly KeyScope[] = ["send", "read", "admin"];
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** What the gateway calls the key of its environment, which may do everything: nobody else is to be taken for it. */
const RESERVED = "SES_MAIL_API_KEY";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** 238 bits. */
const LENGTH = 40;

export const addKey: AddCommand = (program, act) => {
  const key = program.command("key").description("API keys of the gateway, and the key its links are signed with");
  key
    .command("add")
    .description("make an API key and print it, once: it is not kept")
    .argument("<name>", "1 to 64 letters, digits, . _ -")
    .option("--scope <list>", `what it may do, of ${SCOPES.join(",")}; admin may everything`, "send,read")
    .action(act<AddFlags>((context, flags, [name]) => add(context, name ?? "", flags)));
  key
    .command("list")
    .description("show their names and what they may do")
    .action(act((context) => list(context)));
  key
    .command("revoke")
    .description("take a key back; a running gateway refuses it within seconds")
    .argument("<name>")
    .action(act((context, _flags, [name]) => revoke(context, name ?? "")));
  key
    .command("rotate")
    .description("sign links in mails with a new key from now on; links that are out stay good")
    .action(act((context) => rotate(context)));
};

async function add({ openStore, terminal, globals }: Context, name: string, flags: AddFlags): Promise<number> {
  checkName(name);
  const scopes = parseScopes(flags.scope);
  const key = `smk_${Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("")}`;
  const store = await openStore();
  await store.addKey({ name, digest: createHash("sha256").update(key).digest(), scopes });
  if (globals.json) terminal.json({ name, scopes, key });
  else {
    terminal.info(`Key "${name}" may ${scopes.join(", ")}. It is shown this once:`);
    terminal.result(key);
  }
  return EXIT.done;
}

async function list({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ mustExist: true });
  const keys = (await store.keys()).map(({ name, scopes, createdAt, revokedAt }) => ({
    name,
    scopes,
    created_at: new Date(createdAt).toISOString(),
    revoked_at: revokedAt === null ? null : new Date(revokedAt).toISOString(),
  }));
  if (globals.json) terminal.json({ keys });
  else if (keys.length === 0) terminal.result("there are no keys; make one with: ses-mail key add <name>");
  else {
    const cells = keys.map((key) => [key.name, key.scopes.join(","), key.created_at, key.revoked_at ?? ""]);
    terminal.result(await terminal.table(["name", "scopes", "created", "revoked"], cells));
  }
  return EXIT.done;
}

async function revoke({ openStore, terminal, globals }: Context, name: string): Promise<number> {
  const store = await openStore({ mustExist: true });
  if (!(await store.revokeKey(name))) {
    const live = (await store.keys()).filter(({ revokedAt }) => revokedAt === null).map((key) => key.name);
    throw new UserError(
      `there is no key ${JSON.stringify(name)}`,
      live.length > 0 ? `keys here: ${live.join(", ")}` : "there are none; is --db right?",
    );
  }
  if (globals.json) terminal.json({ name, revoked: true });
  else terminal.result(`key "${name}" is revoked`);
  return EXIT.done;
}

async function rotate({ openStore, terminal, globals }: Context): Promise<number> {
  const store = await openStore({ mustExist: true });
  await store.rotateSigningKey();
  const count = (await store.signingKeys()).length;
  if (globals.json) terminal.json({ signing_keys: count });
  else terminal.result("links are signed with a new key; links in mails that are out stay good");
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

function parseScopes(text: string): KeyScope[] {
  const names = text.split(",").map((scope) => scope.trim());
  const unknown = names.find((name) => !(SCOPES as readonly string[]).includes(name));
  if (unknown === undefined) return SCOPES.filter((scope) => names.includes(scope));
  throw new UserError(
    `--scope expects one or more of ${SCOPES.join(",")}, got ${JSON.stringify(unknown)}`,
    "separate several with commas",
  );
}
