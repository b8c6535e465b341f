/** Tells a repeated request from a new one: by its sender, its key and its content. */
import { createHash } from "node:crypto";
import type { Repeat } from "../store/rows.ts";

/** No valid body is nested this deep. All that is deeper counts as equal, so that the recursion has an end. */
const MOST_DEPTH = 16;

/**
 * How a repeat of this request will be recognised. Each `caller` may use a key once ("" when there is only one caller).
 * `body` is a parsed JSON value of any depth. Equal values have equal fingerprints (SHA-256 in hex), in any order of
 * their keys.
 */
export function repeatOf({ caller, key, body }: { caller: string; key: string; body: unknown }): Repeat {
  return { caller, key, fingerprint: createHash("sha256").update(canonical(body, 0)).digest("hex") };
}

/** Whether two parsed JSON values are equal, in any order of their keys. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return canonical(one, 0) === canonical(other, 0);
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown, depth: number): string {
  if (depth > MOST_DEPTH) return '"deeper"';
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each, depth + 1)}`).join(",")}}`;
}
