import { type Command, Option } from "commander";
import type { KeyAddFlags } from "../work/key.ts";
import type { KeyScope } from "../store/rows.ts";
import type { Act, AddCommand } from "./command.ts";
import { parseNames } from "./options.ts";

const SCOPES: readonly KeyScope[] = ["send", "read", "admin"];

/** Declares `key`. */
export const addKey: AddCommand = (program, act) => {
  const key = program
    .command("key")
    .description("manage the API keys of the gateway, and the key that signs links in mails");
  addKeyAdd(key, act);
  key
    .command("list")
    .description("show the names of all keys and what each may do")
    .action(act(async (context) => (await import("../work/key.ts")).listKeys(context)));
  key
    .command("revoke")
    .description("revoke a key; a running gateway refuses it within seconds")
    .argument("<name>")
    .action(
      act(async (context, _flags, [name]) => {
        const { revokeKey } = await import("../work/key.ts");
        return revokeKey(context, name ?? "");
      }),
    );
  key
    .command("rotate")
    .description("sign links in mails with a new key from now on; links in mails already sent stay valid")
    .action(act(async (context) => (await import("../work/key.ts")).rotateSigningKey(context)));
};

function addKeyAdd(key: Command, act: Act): void {
  const scope = new Option("--scope <list>", `what the key may do: ${SCOPES.join(",")}; admin includes the others`)
    .argParser(parseScopes)
    .default(["send", "read"] satisfies KeyScope[], '"send,read"');
  key
    .command("add")
    .description("make an API key and print it; it is shown only once, because only its hash is kept")
    .argument("<name>", "1 to 64 characters: letters, digits, . _ -")
    .addOption(scope)
    .action(
      act<KeyAddFlags>(async (context, flags, [name]) => {
        const { createKey } = await import("../work/key.ts");
        return createKey(context, name ?? "", flags);
      }),
    );
}

/** Parses `--scope`. The scopes come in the order of `SCOPES`, not in that of the command line. */
function parseScopes(text: string): KeyScope[] {
  const given = parseNames("--scope", SCOPES)(text);
  return SCOPES.filter((scope) => given.includes(scope));
}
