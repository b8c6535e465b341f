/** What a suppression stops, in the words of people: everything, all bulk mail, or one list. */
import { ALL_BULK, EVERYTHING_LIST } from "./suppress.ts";

/** How much a suppression stops. */
export const SCOPES = ["everything", "bulk", "list"] as const;

/** One of `SCOPES`. */
export type SuppressionScope = (typeof SCOPES)[number];

/** What a suppression stops. `list` is the name of the list, and null unless the scope is `list`. */
export interface Stopped {
  scope: SuppressionScope;
  list: string | null;
}

/** What a suppression with this `list` stops. */
export function stoppedBy(list: string): Stopped {
  if (list === EVERYTHING_LIST) return { scope: "everything", list: null };
  return list === ALL_BULK ? { scope: "bulk", list: null } : { scope: "list", list };
}

/** The `list` of a suppression that stops all mail of this scope. */
export function listOfScope(scope: Exclude<SuppressionScope, "list">): string {
  return scope === "bulk" ? ALL_BULK : EVERYTHING_LIST;
}

/**
 * The `list` of the suppressions that somebody names by `scope` and `list`, each empty when it is not given; null: neither
 * is. The name of a list is not checked. A `problem` is one clause: the two contradict each other.
 */
export function listNamed(scope: string, list: string): { list: string | null } | { problem: string } {
  if (scope === "") return { list: list === "" ? null : list };
  if (!isScope(scope)) return { problem: `scope expects everything, bulk or list, got ${JSON.stringify(scope)}` };
  if (scope === "list") return list === "" ? { problem: "scope list expects the name of a list, got none" } : { list };
  if (list !== "") return { problem: `scope ${scope} takes no list, got ${JSON.stringify(list)}` };
  return { list: listOfScope(scope) };
}

function isScope(text: string): text is SuppressionScope {
  return (SCOPES as readonly string[]).includes(text);
}
