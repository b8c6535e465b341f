import { isSimulator } from "./address.ts";
import { badRequest, notFound } from "./answer.ts";

export interface SuppressedAddress {
  EmailAddress: string;
  Reason: string;
  /** Seconds since the epoch, as every timestamp of the API. */
  LastUpdateTime: number;
}

/** The account's suppression list. API calls match the exact spelling, sending does not look at case, as in SES. */
export class SuppressionList {
  readonly #entries = new Map<string, SuppressedAddress>();
  /** The addresses in lower case, made when they are asked for. */
  #folded: Set<string> | null = null;

  /** `now` in milliseconds since the epoch. */
  put(address: string, reason: string, now: number): void {
    if (reason !== "BOUNCE" && reason !== "COMPLAINT")
      throw badRequest(`Reason must be BOUNCE or COMPLAINT, got ${reason}.`);
    if (isSimulator(address)) throw badRequest("Addresses of the mailbox simulator cannot be suppressed.");
    this.#folded = null;
    this.#entries.set(address, { EmailAddress: address, Reason: reason, LastUpdateTime: now / 1000 });
  }

  get(address: string): SuppressedAddress {
    const entry = this.#entries.get(address);
    if (!entry) throw notFound(`Email address ${address} does not exist on your suppression list.`);
    return entry;
  }

  delete(address: string): void {
    this.get(address);
    this.#folded = null;
    this.#entries.delete(address);
  }

  /** `reasons` empty: all of them. `since` and `until` are milliseconds since the epoch, either may be null. */
  list(reasons: readonly string[], since: number | null, until: number | null): SuppressedAddress[] {
    return [...this.#entries.values()].filter(
      ({ Reason, LastUpdateTime }) =>
        (reasons.length === 0 || reasons.includes(Reason)) &&
        (since === null || LastUpdateTime * 1000 >= since) &&
        (until === null || LastUpdateTime * 1000 <= until),
    );
  }

  holds(address: string): boolean {
    this.#folded ??= new Set([...this.#entries.keys()].map((entry) => entry.toLowerCase()));
    return this.#folded.has(address.toLowerCase());
  }
}
