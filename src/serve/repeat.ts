/** The header `Idempotency-Key`: a request repeated with the same key is answered as it was, and nothing is added. */
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Repeat } from "../store/rows.ts";
import { Refusal } from "./errors.ts";

/** No body that is taken in is nested this deep; deeper ones need no telling apart. */
const MOST_DEPTH = 16;

/** How a repeat of this request is known; null: the client does not ask for it. Throws Refusal (400) for a key that is none. */
export function repeatOf({ headers, body, caller }: FastifyRequest): Repeat | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key !== "string" || !/^[\x20-\x7e]{1,255}$/.test(key) || key.trim() === "")
    throw new Refusal(400, "Idempotency-Key expects 1–255 printable characters");
  const fingerprint = createHash("sha256").update(canonical(body, 0)).digest("hex");
  return { caller: caller?.name ?? "", key, fingerprint };
}

/** JSON with the keys of every object in order, so that it does not matter in which order a client wrote them. */
function canonical(value: unknown, depth: number): string {
  if (depth > MOST_DEPTH) return '"deeper"';
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each, depth + 1)}`).join(",")}}`;
}
