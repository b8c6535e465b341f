/** Dead letters to plant. */
import { encode } from "@msgpack/msgpack";
import type { NewDeadLetter } from "../../src/store/rows.ts";

/** A letter of NATS, unless `over` says otherwise. A body that is no text or bytes is written as MessagePack. */
export function deadLetter(body: unknown, over: Partial<Omit<NewDeadLetter, "body">> = {}): NewDeadLetter {
  const bytes = typeof body === "string" ? Buffer.from(body) : body instanceof Uint8Array ? body : encode(body);
  return {
    source: "nats",
    origin: "messages#1",
    reason: "expected an array of four texts, got a text",
    extras: null,
    ...over,
    body: bytes,
  };
}
