import { resolve } from "node:path";
import type { Context } from "./context.ts";
import { EXIT, UserError } from "../errors.ts";
import { shellWord } from "../shell.ts";
import { displayed, isServer, pasteable } from "../store/address.ts";
import { readServerSettings } from "../store/server-settings.ts";

/**
 * `backup`: copies the job file to `file`, which must not exist yet. Throws `UserError` when it does, and for a server, which has
 * a program of its own for that.
 */
export async function backup({ openSqliteStore, terminal, globals, io }: Context, file: string): Promise<number> {
  if (isServer(globals.db)) {
    const { schema } = readServerSettings(io.env);
    const words = [`--schema=${shellWord(schema)}`, "--format=custom", `--file=${shellWord(file)}`];
    throw new UserError(
      `backup copies a job file, and ${displayed(globals.db)} is a server`,
      `use: pg_dump ${words.join(" ")} ${shellWord(pasteable(globals.db))}`,
    );
  }
  const store = await openSqliteStore({ ifMissing: "refuse" });
  const { bytes, messages } = await store.backup(resolve(io.cwd, file), io.signal);
  if (globals.json) terminal.json({ file, bytes, messages });
  else terminal.done(`${file}: ${messages} messages, ${bytes} bytes; restore it by putting it in the job file's place`);
  return EXIT.done;
}
