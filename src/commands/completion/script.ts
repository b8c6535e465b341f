import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { bash, zsh } from "./bash-zsh.ts";
import { fish } from "./fish.ts";
import { placesOf } from "./places.ts";

const SHELLS = new Map([
  ["bash", bash],
  ["zsh", zsh],
  ["fish", fish],
]);

/**
 * The script that completes the command line of `program` in `shell` (bash, zsh or fish). It is made from the program's
 * own commands and options, so it cannot fall behind. Throws `UserError` for another shell.
 *
 * Libraries for this (@bomb.sh/tab, omelette, tabtab) start the program at each press of the tab key, which takes a
 * fifth of a second. A script that holds every word answers at once.
 */
export function completionScript(shell: string, program: Command): string {
  const script = SHELLS.get(shell);
  if (script !== undefined) return script(program.name(), placesOf(program));
  throw new UserError(`completion expects bash, zsh or fish, got ${JSON.stringify(shell)}`, "name one of these shells");
}
