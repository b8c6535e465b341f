/** Keeps the suppression list of the account. */
import { isSimulator } from "./address.ts";
import { badRequest, notFound } from "./answer.ts";

/** An entry of the list, as the API writes it. */
export interface SuppressedAddress {
  EmailAddress: string;
  Reason: string;
  /** Seconds since the epoch, as all timestamps of the API. */
  LastUpdateTime: number;
}

/**
 * The account's suppression list. API calls match the exact spelling of an address; sending ignores its case, as SES
 * does.
 */
export class SuppressionList {
  readonly #entries = new Map<string, SuppressedAddress>();
  /** The addresses in lower case; made when they are needed, null after a change. */
  #folded: Set<string> | null = null;

  /**
   * Adds an address, or replaces its entry. `now`: milliseconds since the epoch.
   * @throws SesError BadRequestException for another reason than BOUNCE or COMPLAINT, and for the mailbox simulator.
   */
  put(address: string, reason: string, now: number): void {
    if (reason !== "BOUNCE" && reason !== "COMPLAINT")
      throw badRequest(`Reason must be BOUNCE or COMPLAINT, got ${reason}.`);
    if (isSimulator(address)) throw badRequest("Addresses of the mailbox simulator cannot be suppressed.");
    this.#folded = null;
    this.#entries.set(address, { EmailAddress: address, Reason: reason, LastUpdateTime: now / 1000 });
  }

  /** @throws SesError NotFoundException when the address is not on the list. */
  get(address: string): SuppressedAddress {
    const entry = this.#entries.get(address);
    if (!entry) throw notFound(`Email address ${address} does not exist on your suppression list.`);
    return entry;
  }

  /** @throws SesError NotFoundException when the address is not on the list. */
  delete(address: string): void {
    this.get(address);
    this.#folded = null;
    this.#entries.delete(address);
  }

  /**
   * The entries with one of `reasons` (empty: any) and a time from `since` to `until`: milliseconds since the epoch,
   * null for no limit.
   */
  list(reasons: readonly string[], since: number | null, until: number | null): SuppressedAddress[] {
    return [...this.#entries.values()].filter(
      ({ Reason, LastUpdateTime }) =>
        (reasons.length === 0 || reasons.includes(Reason)) &&
        (since === null || LastUpdateTime * 1000 >= since) &&
        (until === null || LastUpdateTime * 1000 <= until),
    );
  }

  /** True when mail to this address is suppressed. */
  holds(address: string): boolean {
    this.#folded ??= new Set([...this.#entries.keys()].map((entry) => entry.toLowerCase()));
    return this.#folded.has(address.toLowerCase());
  }
}
