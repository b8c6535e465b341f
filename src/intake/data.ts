/** What is wrong with the data that were posted for an address. */
import type { CompiledContent } from "../compose/mail/template.ts";
import type { Values } from "../message.ts";
import type { Problem } from "./problems.ts";
import { MOST_DATA_DEPTH } from "./schema.ts";

/**
 * Everything that is wrong with the data, each with its path below `at` (`data`). None: the mail can be made. More than 1,000 are not
 * told.
 */
export function dataProblems(compiled: CompiledContent, data: Values, at: string): Problem[] {
  if (isTooDeep(data, MOST_DATA_DEPTH))
    return [{ path: at, message: `expected at most ${MOST_DATA_DEPTH} lists and objects inside each other` }];
  return interim(compiled, data).map(({ path, message }) => ({ path: pathBelow(at, path), message }));
}

function pathBelow(at: string, path: string): string {
  if (path === "") return at;
  return path.startsWith("[") ? `${at}${path}` : `${at}.${path}`;
}

function isTooDeep(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((each) => isTooDeep(each, most - 1));
}

function interim(compiled: CompiledContent, data: Values): Problem[] {
  const names = Object.keys(data);
  try {
    const reason = compiled.check(names)(Object.values(data).map(String));
    return reason === null ? [] : [{ path: "", message: reason }];
  } catch (error) {
    return [{ path: "", message: (error as Error).message }];
  }
}
