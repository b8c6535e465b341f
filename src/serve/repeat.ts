/** The header `Idempotency-Key`: a request repeated with the same key is answered as it was, and nothing is added. */
import type { FastifyRequest } from "fastify";
import { repeatOf } from "../intake/repeat.ts";
import type { Repeat } from "../store/rows.ts";
import { Refusal } from "./errors.ts";

/** How a repeat of this request is known; null: the client does not ask for it. Throws Refusal (400) for a key that is none. */
export function readRepeat({ headers, body, caller }: FastifyRequest): Repeat | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key !== "string" || !/^[\x20-\x7e]{1,255}$/.test(key) || key.trim() === "")
    throw new Refusal(400, "Idempotency-Key expects 1–255 printable characters");
  return repeatOf({ caller: caller?.name ?? "", key, body });
}
