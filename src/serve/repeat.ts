/** The header `Idempotency-Key`: a request repeated with the same key gets the same answer and adds nothing. */
import type { FastifyRequest } from "fastify";
import { repeatOf } from "../intake/repeat.ts";
import type { Repeat } from "../store/rows.ts";
import { refusedField } from "./errors.ts";

/**
 * How a repeat of this request will be recognised; null: the client sent no key. Throws Refusal (400) for an invalid
 * key.
 */
export function readRepeat({ headers, body, caller }: FastifyRequest): Repeat | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key !== "string" || !/^[\x20-\x7e]{1,255}$/.test(key) || key.trim() === "")
    throw refusedField("Idempotency-Key", "Idempotency-Key expects 1–255 printable characters");
  return repeatOf({ caller: caller?.name ?? "", key, body });
}
