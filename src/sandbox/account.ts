/** The account that the sandbox plays: who may send what. */
import { domainOf, isSimulator } from "./address.ts";
import { alreadyExists, messageRejected, notFound, sendingPaused, SesError } from "./answer.ts";

/** The configuration set of messages that name none. It always exists. */
export const DEFAULT_CONFIGURATION_SET = "default";

/** The account number that AWS uses in its examples. */
export const ACCOUNT_ID = "123456789012";

/** The state of the account that the sandbox plays. */
export interface AccountOptions {
  /** Addresses and domains that may send; null: all may. */
  verified: readonly string[] | null;
  /** Names of the configuration sets; null: every name exists. */
  configurationSets: readonly string[] | null;
  /** True: recipients must be verified, too, as in an account without production access. */
  sandboxAccount: boolean;
  sendingEnabled: boolean;
  /** HEALTHY, PROBATION or SHUTDOWN. */
  enforcement: string;
}

/** The account: its identities, its configuration sets, and whether it may send. */
export class SandboxAccount {
  readonly options: AccountOptions;
  readonly #created = new Set<string>();
  readonly #identities: Set<string>;
  readonly #sets: Set<string>;

  constructor(options: AccountOptions) {
    this.options = options;
    this.#identities = new Set(options.verified);
    this.#sets = new Set([DEFAULT_CONFIGURATION_SET, ...(options.configurationSets ?? [])]);
  }

  /** @throws SesError when the account may not send at all. */
  checkMaySend(): void {
    if (this.options.enforcement === "SHUTDOWN") {
      throw new SesError(400, "AccountSuspendedException", "Sending has been suspended for this account.");
    }
    if (!this.options.sendingEnabled) throw sendingPaused();
  }

  /**
   * Takes bare addresses; `region` is for the text of the error.
   * @throws SesError MessageRejected when the sender is not verified, or in a sandbox account a recipient.
   */
  checkIdentities(from: string, recipients: readonly string[], region: string): void {
    const needed = this.options.sandboxAccount ? [from, ...recipients.filter((to) => !isSimulator(to))] : [from];
    const failed = [...new Set(needed.filter((address) => !this.isVerified(address)))];
    if (failed.length === 0) return;
    throw messageRejected(
      `Email address is not verified. The following identities failed the check in region ${region.toUpperCase()}: ${failed.join(", ")}`,
    );
  }

  /** True when the address itself, its domain or a domain above is verified. Case matters for addresses, as in SES. */
  isVerified(identity: string): boolean {
    if (this.options.verified === null || this.#identities.has(identity)) return true;
    const labels = domainOf(identity).split(".");
    return labels.some((_, index) => this.#identities.has(labels.slice(index).join(".")));
  }

  /** All identities: verified ones, and created ones that wait for their verification. */
  get identities(): string[] {
    return [...new Set([...this.#identities, ...this.#created])];
  }

  /** True for a verified identity, and for a created one that waits for its verification. */
  hasIdentity(identity: string): boolean {
    return this.#created.has(identity) || this.isVerified(identity);
  }

  /**
   * Adds an identity. It is never verified, unless everything is.
   * @throws SesError AlreadyExistsException.
   */
  createIdentity(identity: string): void {
    if (this.#created.has(identity) || this.#identities.has(identity))
      throw alreadyExists(`Email identity ${identity} already exist.`);
    this.#created.add(identity);
  }

  /** Names of the configuration sets, `default` first. */
  get configurationSets(): string[] {
    return [...this.#sets];
  }

  /** @throws SesError NotFoundException when the set does not exist. */
  checkConfigurationSet(name: string): void {
    if (this.options.configurationSets === null || this.#sets.has(name)) return;
    throw notFound(`Configuration set <${name}> does not exist.`);
  }

  /** @throws SesError AlreadyExistsException. */
  createConfigurationSet(name: string): void {
    if (this.#sets.has(name)) throw alreadyExists(`Configuration set <${name}> already exists.`);
    this.#sets.add(name);
  }
}
