/** A suppressed address as the API shows it. */
import { checkListName } from "../compose/list/name.ts";
import { UserError } from "../errors.ts";
import { listNamed, SCOPES, stoppedBy } from "../store/rules/scope.ts";
import { refusedField } from "./errors.ts";
import type { Suppression } from "../store/rows.ts";
import { TEXT } from "./admin-schemas.ts";
import type { SuppressionFacts } from "./dashboard/wire.ts";
import { isoTime } from "../time/iso.ts";
import { object } from "./schemas.ts";

/** The schema of `SuppressionFacts`. */
export const SUPPRESSION = object({
  address: { type: "string" },
  scope: { type: "string", enum: SCOPES, description: "What is stopped: everything, all bulk mail, or one list" },
  list: { ...TEXT, description: "The list, when scope is list" },
  reason: { type: "string" },
  source: { type: "string" },
  detail: TEXT,
  created_at: { type: "string", format: "date-time" },
  rehearsal: { type: "boolean", description: "A rehearsal made it, and it holds for rehearsals only" },
});

/** The entry as the API shows it. */
export function suppressionFacts({ address, list, createdAt, ...rest }: Suppression): SuppressionFacts {
  return { address, ...stoppedBy(list), ...rest, created_at: isoTime(createdAt) };
}

/** The fields of a request that say which suppressions are meant. */
export const STOPPED = {
  scope: { type: "string", enum: SCOPES, description: "everything, bulk (all bulk mail) or list" },
  list: { type: "string", minLength: 1, maxLength: 100, description: "The name of one list" },
} as const;

/** The `list` of the suppressions meant; undefined: neither is given. Throws Refusal (400) for what cannot be meant. */
export function listAsked({ scope = "", list = "" }: { scope?: string; list?: string }): string | undefined {
  const named = listNamed(scope, list);
  if ("problem" in named) throw refusedField("scope", named.problem);
  if (list === "") return named.list ?? undefined;
  try {
    return checkListName(list);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw refusedField("list", error.message);
  }
}
