/** What a delivery of a broker asks for: one mail in the words of a posted message, or why nobody can tell. */
import type { Delivery } from "../../queue/queue.ts";
import type { MailParts, MessageRecord, Reporting } from "../../store/rows.ts";
import type { Fields } from "../fields.ts";

/** A mail that was accepted before, as far as it tells whether another one is the same. */
export type StoredMail = Pick<MessageRecord, "expiresAt"> & Pick<MailParts, "content" | "fields">;

/** One mail for one address. */
export interface AskedMail {
  kind: "asked";
  /** Which broker brought it. */
  via: "nats" | "redis";
  /** A message as `readRequest` reads it, with `uuid` in it. */
  message: Fields;
  /** Tells a delivery that comes again from another mail. */
  uuid: string;
  /** Who is told what becomes of it; null: nobody. */
  reports: Reporting | null;
  /** What the payload calls a place of `message`: `body` for `content`. It names what is wrong to the author of the payload. */
  placeOf(path: string): string;
  /**
   * Whether a mail stored for the same address under this uuid is this one, by all that the payload says itself. What a gateway adds may
   * have changed since, and so may a template.
   */
  isSame(stored: StoredMail): boolean;
}

/** What a delivery turned out to be. `reason`: one line for people that names what is wrong. */
export type Asked = AskedMail | { kind: "wrong"; reason: string };

/** Reads a delivery. Never throws for what is in it. */
export type ReadDelivery<D extends Pick<Delivery, "body">> = (delivery: D) => Asked | Promise<Asked>;

/** Names a place by the longest beginning that `names` has: `{ "emails[0]": "to" }`. */
export function renamed(path: string, names: readonly (readonly [place: string, name: string])[]): string {
  for (const [place, name] of names) {
    const rest = path.slice(place.length);
    if (path.startsWith(place) && (rest === "" || /^[.[]/.test(rest))) return name + rest;
  }
  return path;
}
