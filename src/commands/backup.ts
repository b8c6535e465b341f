import { resolve } from "node:path";
import { EXIT } from "../errors.ts";
import type { AddCommand } from "./command.ts";
import type { Context } from "../work/context.ts";

export const addBackup: AddCommand = (program, act) => {
  program
    .command("backup")
    .description("copy the job file, whole and of one instant, while others work on it")
    .argument("<file>", "a file that does not exist yet")
    .action(act((context, _flags, [file]) => backup(context, file ?? "")));
};

async function backup({ openSqliteStore, terminal, globals, io }: Context, file: string): Promise<number> {
  const store = await openSqliteStore({ mustExist: true });
  const { bytes, messages } = await store.backup(resolve(io.cwd, file), io.signal);
  if (globals.json) terminal.json({ file, bytes, messages });
  else
    terminal.result(`${file}: ${messages} messages, ${bytes} bytes; restore it by putting it in the job file's place`);
  return EXIT.done;
}
