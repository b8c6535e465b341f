/** What the `suppress` commands are about: everything, all bulk mail, or one list. */
import { checkListName } from "../compose/list/name.ts";
import { UserError } from "../errors.ts";
import type { Suppression } from "../store/rows.ts";
import { listNamed, listOfScope } from "../store/rules/scope.ts";
import type { Suppressions } from "../store/store.ts";

/** The options that say it. Neither: everything, or whatever there is. */
export interface ScopeFlags {
  /** The name of one list. */
  list?: string;
  /** All bulk mail. */
  bulk?: boolean;
}

/** The `list` of the suppressions meant; undefined: none is named. Throws `UserError` for a bad name, and for both options. */
export function listMeant({ list, bulk }: ScopeFlags): string | undefined {
  if (list !== undefined && bulk)
    throw new UserError("--list and --bulk exclude each other", "--bulk stops the mail of every list");
  if (list !== undefined) return checkListName(list);
  return bulk ? listOfScope("bulk") : undefined;
}

/** The suppressions meant, in order of address. Memory does not grow with their number. */
export async function* meantOf(
  store: Pick<Suppressions, "suppressions">,
  list: string | undefined,
): AsyncGenerator<Suppression> {
  for await (const row of store.suppressions()) if (list === undefined || row.list === list) yield row;
}

/**
 * The `list` of a suppression from the cells `scope` and `list` of a file; null: they say nothing. Throws `UserError` when
 * they contradict each other, or the list has a bad name.
 */
export function listOfCells(scope: string, list: string): string | null {
  const name = list.trim() === "" ? "" : checkListName(list);
  const named = listNamed(scope.trim().toLowerCase(), name);
  if ("problem" in named) throw new UserError(named.problem);
  return named.list;
}

/** The `list` of a suppression of which nothing but the reason is known. Whoever unsubscribed wanted no more bulk mail. */
export function listOfReason(reason: string): string {
  return listOfScope(reason.trim().toLowerCase() === "unsubscribe" ? "bulk" : "everything");
}
