/** Asks before what cannot be undone. */
import type { Context } from "./context.ts";
import { UserError } from "../errors.ts";

/** Asks a question. Throws `UserError` for a no, and when there is no terminal to ask on; nothing may have been changed before. */
export async function needsAnswer(
  { io, terminal }: Context,
  command: string,
  question: string,
  about: readonly string[] = [],
): Promise<void> {
  if (io.stdin.isTTY !== true || io.stderr.isTTY !== true)
    throw new UserError(`${command} expects --yes when there is no terminal to ask on`, "add --yes");
  if (!(await terminal.confirm(question, about))) throw new UserError("not confirmed", "nothing was changed");
}
