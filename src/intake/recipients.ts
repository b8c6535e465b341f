/** Reads to whom a message goes: `emails`, or `to`, in which each address may have data and a name of its own. */
import { parseAddress } from "../compose/address/address.ts";
import type { CompiledTemplate } from "../compose/mail/posted-template.ts";
import type { LoopBudget } from "../compose/liquid/strict.ts";
import { dataProblems } from "./data.ts";
import { isObject } from "../json.ts";
import { isPrintable } from "../printable.ts";
import type { Fields } from "./fields.ts";
import { entriesOf } from "./long-list.ts";
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

/** Most rounds of the loops of all templates while the data of one request are checked. */
const MOST_ROUNDS = 500_000;
/** How long the checks go on before others get a turn (ms). */
const LONGEST_MS = 25;

/** Reads the addresses of one request. */
export class RecipientReader {
  readonly #uuids = new Map<string, string>();
  /** Characters of all data so far. */
  #data = 0;
  /** The loops of all checks. */
  readonly #budget: LoopBudget = { rounds: MOST_ROUNDS, text: null };
  /** When others were last given a turn, ms. */
  #sinceTurn = performance.now();

  /** `template` takes the data; null: there is none, so data are a problem; `unknown`: nobody can look at them. */
  async read(message: Place, template: CompiledTemplate | "unknown" | null): Promise<Recipients> {
    const uuid = this.#uuid(message);
    const recipients = message.has("to") ? await this.#to(message, uuid, template) : this.#emails(message, template);
    const { emails, data, uuids } = recipients;
    return { emails, data, uuid, uuids };
  }

  #emails(message: Place, template: CompiledTemplate | "unknown" | null): Omit<Recipients, "uuid"> {
    const emails = message
      .list("emails")
      .map((email, index) => addressOf(message, `emails[${index}]`, email))
      .filter((email) => email !== null);
    const text = this.#dataOf(message, template, emails);
    return { emails, data: text === null ? null : emails.map(() => text), uuids: null };
  }

  async #to(
    message: Place,
    uuid: string | null,
    template: CompiledTemplate | "unknown" | null,
  ): Promise<Omit<Recipients, "uuid">> {
    if (message.has("emails")) message.problem("to", "excludes emails: give one of them");
    if (message.has("data")) message.problem("data", "belongs to emails: in to, each address has its own");
    const emails: string[] = [];
    const data: string[] = [];
    const uuids: (string | null)[] = [];
    let index = -1;
    for (const given of entriesOf(message.list("to"))) {
      index++;
      if (message.isFull) {
        message.stop();
        break;
      }
      if (!isObject(given)) continue;
      if (performance.now() - this.#sinceTurn >= LONGEST_MS) await this.#letOthers();
      const entry = message.below(given, "to", index);
      const email = addressOf(entry, "email", given["email"]);
      data.push(this.#dataOf(entry, template, [email ?? SOMEBODY]) ?? "{}");
      uuids.push(this.#uuid(entry));
      emails.push(email ?? "");
    }
    const hasNames = uuids.some((name) => name !== null);
    if (hasNames && uuid !== null) message.problem("uuid", "excludes those in to: an address has one name");
    return { emails, data: template === null ? null : data, uuids: hasNames ? uuids : null };
  }

  /** Data that only the execution of their template can judge take time, in which mail has to be sent. */
  async #letOthers(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sinceTurn = performance.now();
  }

  /** The data of a place as text, checked for these addresses. Null: there is no template. */
  #dataOf(place: Place, template: CompiledTemplate | "unknown" | null, emails: readonly string[]): string | null {
    const given = place.fields["data"] ?? null;
    if (template === null) {
      if (given !== null) place.problem("data", "needs a template: what is posted without one is sent as it is");
      return null;
    }
    // The schema has reported what is no object.
    if (template === "unknown" || (given !== null && !isObject(given))) return "{}";
    const data = given ?? {};
    for (const { path, message } of problemsFor(template, { emails, data, budget: this.#budget })) {
      place.problem(path, message);
      if (place.isFull) break;
    }
    const text = this.#budget.text ?? "{}";
    this.#count(place, text.length * emails.length);
    return text;
  }

  #count(place: Place, characters: number): void {
    const before = this.#data;
    this.#data += characters;
    if (before <= MOST_DATA && this.#data > MOST_DATA)
      place.problem("data", `with this the data of all addresses are more than ${MOST_DATA / 1024 / 1024} MB`);
  }

  #uuid(place: Place): string | null {
    const uuid = place.text("uuid");
    if (uuid === null) return null;
    const length = uuid.length > 2 * MOST_UUID ? Infinity : Array.from(uuid).length;
    if (uuid.trim() === "" || length > MOST_UUID || !isPrintable(uuid))
      place.problem("uuid", `expected 1–${MOST_UUID} printable characters`);
    const first = this.#uuids.get(uuid);
    if (first === undefined) this.#uuids.set(uuid, place.path);
    else place.problem("uuid", `the same as that of ${first}`);
    return uuid;
  }
}

/** Stands for an address that is none, so that its data are looked at, too. */
const SOMEBODY = "someone@example.com";

/** What is wrong with the data of these addresses; only a template with `{{ email }}` makes a difference between them. */
function problemsFor(
  template: CompiledTemplate,
  { emails, data, budget }: { emails: readonly string[]; data: Fields; budget: LoopBudget },
): Problem[] {
  const differing = template.usesAddress && emails.length > 0 ? emails : [emails[0] ?? SOMEBODY];
  for (const email of differing) {
    const problems = dataProblems(template, { address: email, data, at: "data" }, budget);
    if (problems.length > 0) return problems;
  }
  return [];
}

/** The address in the form in which it is written to; null for what is none, which is reported. */
function addressOf(place: Place, field: string, email: unknown): string | null {
  // The schema has reported what is no text.
  if (typeof email !== "string") return null;
  const parsed = parseAddress(email);
  if ("address" in parsed) return parsed.address;
  place.problem(field, `invalid email address: ${parsed.problem}`);
  return null;
}
