import { resolve } from "node:path";
import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";

/** `backup`: copies the job file to `file`, which must not exist yet. Throws `UserError` when it does. */
export async function backup({ openSqliteStore, terminal, globals, io }: Context, file: string): Promise<number> {
  const store = await openSqliteStore({ ifMissing: "refuse" });
  const { bytes, messages } = await store.backup(resolve(io.cwd, file), io.signal);
  if (globals.json) terminal.json({ file, bytes, messages });
  else terminal.done(`${file}: ${messages} messages, ${bytes} bytes; restore it by putting it in the job file's place`);
  return EXIT.done;
}
