import type { Command } from "commander";
import type { KeyAddFlags } from "../work/key.ts";
import type { KeyScope } from "../store/rows.ts";
import type { Act, AddCommand } from "./command.ts";
import { addExamples } from "./examples.ts";
import { ListOption, parseNames } from "./options.ts";

const SCOPES: readonly KeyScope[] = ["send", "read", "admin"];

/** Declares `key`. */
export const addKey: AddCommand = (key, act) => {
  addKeyAdd(key, act);
  key
    .command("list")
    .description("show their names and what they may do")
    .action(act(async (context) => (await import("../work/key.ts")).listKeys(context)));
  key
    .command("revoke")
    .description("take a key back; a running gateway refuses it within seconds")
    .argument("<name>")
    .action(
      act(async (context, _flags, [name]) => {
        const { revokeKey } = await import("../work/key.ts");
        return revokeKey(context, name ?? "");
      }),
    );
  key
    .command("rotate")
    .description("sign links in mails with a new key from now on; links that are out stay good")
    .action(act(async (context) => (await import("../work/key.ts")).rotateSigningKey(context)));
  addExamples(key, [
    ["ses-mail key add shop --scope send", "makes a key that may only post messages"],
    ["ses-mail key revoke shop", "takes it back"],
  ]);
};

function addKeyAdd(key: Command, act: Act): void {
  const scope = new ListOption(
    "--scope <list>",
    `what it may do, of ${SCOPES.join(",")}; admin may do everything`,
    SCOPES,
  )
    .argParser(parseScopes)
    .default(["send", "read"] satisfies KeyScope[], '"send,read"');
  key
    .command("add")
    .description("make an API key and print it, once: it is not kept")
    .argument("<name>", "1 to 64 letters, digits, . _ -")
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
