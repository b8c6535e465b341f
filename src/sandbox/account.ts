import { domainOf, isSimulator } from "./address.ts";
import { alreadyExists, messageRejected, notFound, sendingPaused, SesError } from "./answer.ts";

/** The set that messages without one of their own belong to. It always exists. */
export const DEFAULT_CONFIGURATION_SET = "default";

/** The account number of AWS's own examples. */
export const ACCOUNT_ID = "123456789012";

export interface AccountOptions {
  /** Addresses and domains that may send; null: everything is verified. */
  verified: readonly string[] | null;
  /** Names of the configuration sets; null: every name exists. */
  configurationSets: readonly string[] | null;
  /** True: recipients must be verified too, as in an account without production access. */
  sandboxAccount: boolean;
  sendingEnabled: boolean;
  /** HEALTHY, PROBATION or SHUTDOWN. */
  enforcement: string;
}

/** Who may send what: identities, configuration sets and the state of the account. */
export class Account {
  readonly options: AccountOptions;
  readonly #created = new Set<string>();
  readonly #identities: Set<string>;
  readonly #sets: Set<string>;

  constructor(options: AccountOptions) {
    this.options = options;
    this.#identities = new Set(options.verified);
    this.#sets = new Set([DEFAULT_CONFIGURATION_SET, ...(options.configurationSets ?? [])]);
  }

  /** Throws the SES error of an account that may not send at all. */
  checkMaySend(): void {
    if (this.options.enforcement === "SHUTDOWN") {
      throw new SesError(400, "AccountSuspendedException", "Sending has been suspended for this account.");
    }
    if (!this.options.sendingEnabled) throw sendingPaused();
  }

  /** Throws MessageRejected when the sender (or, in a sandbox account, a recipient) is not verified. Bare addresses. */
  checkIdentities(from: string, recipients: readonly string[], region: string): void {
    const needed = this.options.sandboxAccount ? [from, ...recipients.filter((to) => !isSimulator(to))] : [from];
    const failed = [...new Set(needed.filter((address) => !this.isVerified(address)))];
    if (failed.length === 0) return;
    throw messageRejected(
      `Email address is not verified. The following identities failed the check in region ${region.toUpperCase()}: ${failed.join(", ")}`,
    );
  }

  /** An address is verified by itself, by its domain or by a domain above; addresses compare exactly, as in SES. */
  isVerified(identity: string): boolean {
    if (this.options.verified === null || this.#identities.has(identity)) return true;
    const labels = domainOf(identity).split(".");
    return labels.some((_, index) => this.#identities.has(labels.slice(index).join(".")));
  }

  get identities(): string[] {
    return [...new Set([...this.#identities, ...this.#created])];
  }

  /** A known identity: verified, or created and still waiting for its verification. */
  hasIdentity(identity: string): boolean {
    return this.#created.has(identity) || this.isVerified(identity);
  }

  /** The new identity waits for its verification for ever, unless everything is verified. */
  createIdentity(identity: string): void {
    if (this.#created.has(identity) || this.#identities.has(identity))
      throw alreadyExists(`Email identity ${identity} already exist.`);
    this.#created.add(identity);
  }

  get configurationSets(): string[] {
    return [...this.#sets];
  }

  checkConfigurationSet(name: string): void {
    if (this.options.configurationSets === null || this.#sets.has(name)) return;
    throw notFound(`Configuration set <${name}> does not exist.`);
  }

  createConfigurationSet(name: string): void {
    if (this.#sets.has(name)) throw alreadyExists(`Configuration set <${name}> already exists.`);
    this.#sets.add(name);
  }
}
