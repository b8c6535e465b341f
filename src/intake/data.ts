/** What is wrong with the data that were posted for an address. */
import type { CompiledTemplate } from "../compose/mail/posted-template.ts";
import type { LoopBudget } from "../compose/liquid/strict.ts";
import type { Problem } from "./problems.ts";
import { textProblemsIn } from "./sound.ts";

/**
 * Everything that is wrong with the data of this address, each with its path below `at` (`data`). None: they make a mail. `budget` is
 * shared with other checks; not set: loops have no bound together.
 */
export function dataProblems(
  template: CompiledTemplate,
  { address, data, at }: { address: string; data: unknown; at: string },
  budget?: LoopBudget,
): Problem[] {
  const unsound = textProblemsIn(data);
  const problems = unsound.length > 0 ? unsound : template.check(address, data, budget);
  return problems.map(({ path, message }) => ({ path: pathBelow(at, path), message }));
}

function pathBelow(at: string, path: string): string {
  if (path === "") return at;
  return path.startsWith("[") ? `${at}${path}` : `${at}.${path}`;
}
