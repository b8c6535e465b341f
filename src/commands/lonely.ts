/** Options that are given in vain: each does nothing without another one, or without a list. */
import type { Command, Option } from "commander";
import { UserError } from "../errors.ts";
import { GROUPS } from "./options.ts";

/** By option: it does nothing without one of these. */
export type Needs = Readonly<Record<string, readonly string[]>>;

/**
 * Refuses an option on the command line that does nothing, because none of those that it needs is given. In the environment it is
 * for another process. `examples`: how those are written.
 * @throws UserError
 */
export function refuseLonely(command: Command, needs: Needs, examples: Readonly<Record<string, string>>): void {
  const sourceOf = (long: string) => {
    const declared = command.options.find((option) => option.long === long);
    return declared && command.getOptionValueSource(declared.attributeName());
  };
  const isGiven = (long: string) => !["default", undefined].includes(sourceOf(long));
  for (const [option, others] of Object.entries(needs))
    if (sourceOf(option) === "cli" && !others.some(isGiven))
      throw new UserError(
        `${option} expects ${others.join(" or ")}, got none`,
        `add ${others.map((other) => examples[other]).join(" or ")}, or leave ${option} out`,
      );
}

const OF_LISTS: ReadonlySet<string | undefined> = new Set([GROUPS.content, GROUPS.tracking, GROUPS.list]);
const OTHERS_OF_LISTS: ReadonlySet<string | undefined> = new Set(["--expires-in", "--replace-content"]);

/**
 * Refuses options on the command line that say what the mail of a list is when there is no list. What was added before keeps its own,
 * and would be sent with another sender or for another tenant than was asked for. In the environment they are for all lists. `used`:
 * those that the command knows what to do with all the same, such as `--from`.
 * @throws UserError
 */
export function refuseListless(command: Command, file: string | undefined, used: readonly string[]): void {
  if (file !== undefined) return;
  const isOfLists = ({ long, helpGroupHeading }: Option) =>
    OTHERS_OF_LISTS.has(long) || (OF_LISTS.has(helpGroupHeading) && !used.includes(long ?? ""));
  const vain = command.options.find(
    (option) => isOfLists(option) && command.getOptionValueSource(option.attributeName()) === "cli",
  );
  if (vain === undefined) return;
  throw new UserError(
    `${vain.long} expects a recipients file, got none`,
    "name the list that it is for; what was added before keeps its own",
  );
}
