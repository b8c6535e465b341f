/** What is wrong with the data that were posted for an address. */
import { shapeOf } from "../compose/mail/data.ts";
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
  const shape = shapeOf(data);
  const unsound = isSurelySound(shape.text) ? [] : textProblemsIn(data);
  const problems = unsound.length > 0 ? unsound : template.check(address, data, budget, shape);
  return problems.map(({ path, message }) => ({ path: pathBelow(at, path), message }));
}

/** In JSON, halves of characters and NUL are escaped, and so are few others. So nearly no data have to be looked through. */
function isSurelySound(json: string | null): boolean {
  return json !== null && !json.includes("\\u");
}

function pathBelow(at: string, path: string): string {
  if (path === "") return at;
  return path.startsWith("[") ? `${at}${path}` : `${at}.${path}`;
}
