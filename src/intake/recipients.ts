/** Reads to whom a message goes: `emails`, or `to`, in which each address may have data and a name of its own. */
import { parseAddress } from "../compose/address/address.ts";
import type { Values } from "../message.ts";
import { type Fields, isObject } from "./fields.ts";
import type { Place } from "./place.ts";
import type { Problem } from "./problems.ts";
import { MOST_DATA, MOST_UUID } from "./schema.ts";

/** The addresses of a message, and what belongs to each of them, in the same order. */
export interface Recipients {
  emails: string[];
  /** The text of a JSON object for each address; null: the message has no template. */
  data: string[] | null;
  /** The client's own name of the message; null: it has none. */
  uuid: string | null;
  /** The client's own name for each address; null: the addresses have none. */
  uuids: (string | null)[] | null;
}

/** Everything that is wrong with the data of one address; each path begins with `data`. */
type DataCheck = (data: Values) => readonly Problem[];

/** Reads the addresses of one request. */
export class RecipientReader {
  readonly #uuids = new Map<string, string>();
  /** Characters of all data so far. */
  #data = 0;

  /** `check` is that of the message's template; null: there is no template, so data are a problem. */
  read(message: Place, check: DataCheck | null): Recipients {
    const uuid = this.#uuid(message, message.path);
    const recipients = message.has("to") ? this.#to(message, uuid, check) : this.#emails(message, check);
    return { ...recipients, uuid };
  }

  #emails(message: Place, check: DataCheck | null): Omit<Recipients, "uuid"> {
    const given = message.list("emails");
    const emails = given.map((email, index) => addressOf(message, `emails[${index}]`, email));
    const text = this.#dataOf(message, check, emails.length);
    return { emails, data: text === null ? null : emails.map(() => text), uuids: null };
  }

  #to(message: Place, uuid: string | null, check: DataCheck | null): Omit<Recipients, "uuid"> {
    if (message.has("emails")) message.problem("to", "excludes emails: give one of them");
    if (message.has("data")) message.problem("data", "belongs to emails: in to, each address has its own");
    const emails: string[] = [];
    const data: string[] = [];
    const uuids: (string | null)[] = [];
    for (const [index, given] of message.list("to").entries()) {
      if (message.isFull) {
        message.stop();
        break;
      }
      if (!isObject(given)) continue;
      const entry = message.below(given, `to[${index}]`);
      emails.push(addressOf(entry, "email", given["email"]));
      data.push(this.#dataOf(entry, check, 1) ?? "{}");
      uuids.push(this.#uuid(entry, entry.path));
    }
    const hasNames = uuids.some((name) => name !== null);
    if (hasNames && uuid !== null) message.problem("uuid", "excludes those in to: an address has one name");
    return { emails, data: check === null ? null : data, uuids: hasNames ? uuids : null };
  }

  /** The data of a place as text, for so many addresses. Null: there is no template. */
  #dataOf(place: Place, check: DataCheck | null, addresses: number): string | null {
    const given = place.fields["data"];
    if (check === null) {
      if (given !== undefined && given !== null)
        place.problem("data", "needs a template: what is posted without one is sent as it is");
      return null;
    }
    // The schema has reported what is no object.
    const data: Fields = isObject(given) ? given : {};
    for (const { path, message } of check(data as Values)) {
      place.problem(path, message);
      if (place.isFull) break;
    }
    const text = JSON.stringify(data);
    this.#count(place, text.length * addresses);
    return text;
  }

  #count(place: Place, characters: number): void {
    const before = this.#data;
    this.#data += characters;
    if (before <= MOST_DATA && this.#data > MOST_DATA)
      place.problem("data", `with this the data of all addresses are more than ${MOST_DATA / 1024 / 1024} MB`);
  }

  #uuid(place: Place, path: string): string | null {
    const uuid = place.text("uuid");
    if (uuid === null) return null;
    const length = uuid.length > 2 * MOST_UUID ? Infinity : Array.from(uuid).length;
    if (uuid.trim() === "" || length > MOST_UUID || /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(uuid))
      place.problem("uuid", `expected 1–${MOST_UUID} printable characters`);
    const first = this.#uuids.get(uuid);
    if (first === undefined) this.#uuids.set(uuid, path);
    else place.problem("uuid", `the same as that of ${first}`);
    return uuid;
  }
}

/** The address in the form in which it is written to; "" for one that is none, which is reported. */
function addressOf(place: Place, field: string, email: unknown): string {
  // The schema has reported what is no text.
  if (typeof email !== "string") return "";
  const parsed = parseAddress(email);
  if ("address" in parsed) return parsed.address;
  place.problem(field, `invalid email address: ${parsed.problem}`);
  return "";
}
