/** A suppressed address as the API shows it. */
import type { Suppression } from "../store/rows.ts";
import { TEXT } from "./admin-schemas.ts";
import type { SuppressionFacts } from "./dashboard/wire.ts";
import { object } from "./schemas.ts";

/** The schema of `SuppressionFacts`. */
export const SUPPRESSION = object({
  address: { type: "string" },
  reason: { type: "string" },
  source: { type: "string" },
  detail: TEXT,
  created_at: { type: "string", format: "date-time" },
  rehearsal: { type: "boolean", description: "A rehearsal made it, and it holds for rehearsals only" },
});

/** The entry as the API shows it. */
export function suppressionFacts({ createdAt, ...rest }: Suppression): SuppressionFacts {
  return { ...rest, created_at: new Date(createdAt).toISOString() };
}
