/** How a request that comes again is told from a new one: by who sent it, the key it gave, and what stands in it. */
import { createHash } from "node:crypto";
import type { Repeat } from "../store/rows.ts";

/** No body that is taken in is nested this deep; deeper ones need no telling apart. */
const MOST_DEPTH = 16;

/**
 * How a repeat of this request will be known. `caller` is whoever may use a key once ("" when there is but one), `body` a
 * parsed JSON value of any depth. The same value gives the same fingerprint, in whatever order its keys were written.
 */
export function repeatOf({ caller, key, body }: { caller: string; key: string; body: unknown }): Repeat {
  return { caller, key, fingerprint: createHash("sha256").update(canonical(body, 0)).digest("hex") };
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown, depth: number): string {
  if (depth > MOST_DEPTH) return '"deeper"';
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each, depth + 1)}`).join(",")}}`;
}
