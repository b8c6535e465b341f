/** Takes the mails of one batch in, and finds out which of them cannot be. What is done with those is the inlet's business. */
import { InterruptedError, StoppedError, UserError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { AcceptMessage } from "../../store/rows.ts";
import type { Reader } from "../../store/store.ts";
import type { RequestInbox } from "../inbox.ts";
import { readRequest, type RequestSurroundings } from "../request.ts";
import type { AskedMail, ReadDelivery } from "./asked.ts";
import { failure, oneLine, reasonOf } from "./reason.ts";

/** Why a delivery is dead: it cannot be read, a posted message would be refused, its topic takes nothing, its uuid belongs to another mail, or ses-mail failed. */
export const DEAD_CLASSES = ["unreadable", "invalid", "refused", "clash", "bug"] as const;

/** One of `DEAD_CLASSES`. */
export type DeadClass = (typeof DEAD_CLASSES)[number];

/** A mail that is in the store, with what was done with it now. */
export interface TakenMail {
  asked: AskedMail;
  outcome: "accepted" | "duplicate" | "suppressed";
}

/** What became of a delivery. `reason`: one line for people. */
export type Outcome = TakenMail | { dead: DeadClass; reason: string };

/** What mails are taken in with. */
export interface TakingParts<D extends Delivery> {
  read: ReadDelivery<D>;
  /** Asked once for each batch. Its clock and zone do not matter: a time that passed while a mail waited in its broker is no mistake. */
  surroundings(): RequestSurroundings;
  inbox: Pick<RequestInbox, "take">;
  store: Pick<Reader, "messagesNamed" | "mailParts">;
}

/** One uuid may stand for the mails to many addresses, which were posted together. */
const MOST_COMPARED = 10_000;

/** A mail that was read, for one address. */
interface ReadMail<D> {
  delivery: D;
  asked: AskedMail;
}

/** One that can be stored. */
interface ValidMail<D> extends ReadMail<D> {
  message: AcceptMessage;
}

/** The deliveries of one batch, on their way into the store. */
export class Taking<D extends Delivery> {
  readonly #parts: TakingParts<D>;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(parts: TakingParts<D>) {
    this.#parts = parts;
  }

  /** What became of each delivery so far, by its id. */
  get outcomes(): ReadonlyMap<string, Outcome> {
    return this.#outcomes;
  }

  /**
   * Finds an outcome for each delivery that has none: for all together, and when that fails for a reason of ours, one by one, so that
   * the one it fails for is found. Rejects with StoppedError, InterruptedError and UserError; what has an outcome by then keeps it.
   */
  async take(deliveries: readonly D[]): Promise<void> {
    const fresh = this.#fresh(deliveries);
    try {
      return await this.#takeAll(fresh);
    } catch (error) {
      if (error instanceof StoppedError || error instanceof InterruptedError || error instanceof UserError) throw error;
      const [first] = this.#fresh(fresh);
      if (first === undefined) throw error;
      if (fresh.length === 1) return void this.#outcomes.set(first.id, { dead: "bug", reason: failure(error) });
    }
    for (const delivery of this.#fresh(fresh)) await this.take([delivery]);
  }

  #fresh(deliveries: readonly D[]): D[] {
    return deliveries.filter(({ id }) => !this.#outcomes.has(id));
  }

  async #takeAll(deliveries: readonly D[]): Promise<void> {
    const readable = await this.#readable(deliveries);
    const valid = await this.#valid(readable, { ...this.#parts.surroundings(), now: 0, zone: null });
    const results = await Promise.allSettled(
      valid.map(async (mail) => {
        this.#outcomes.set(mail.delivery.id, await this.#stored(mail));
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #readable(deliveries: readonly D[]): Promise<ReadMail<D>[]> {
    const readable: ReadMail<D>[] = [];
    for (const delivery of deliveries) {
      const asked = await this.#parts.read(delivery);
      if (asked.kind === "asked") readable.push({ delivery, asked });
      else this.#outcomes.set(delivery.id, { dead: "unreadable", reason: oneLine(asked.reason) });
    }
    return readable;
  }

  /** Reads mails as one request, and one by one when something is wrong with that. */
  async #valid(mails: readonly ReadMail<D>[], around: RequestSurroundings): Promise<ValidMail<D>[]> {
    const [only] = mails;
    if (only === undefined) return [];
    const read = await readRequest({ messages: mails.map(({ asked }) => asked.message) }, around);
    if (read.kind === "no-sender")
      throw new UserError("an inlet needs the sender of its mails, got none", "give --from or set SES_MAIL_FROM");
    if (read.kind === "messages") return mails.map((mail, index) => withMessage(mail, read.messages[index]));
    if (mails.length === 1) {
      const reason = reasonOf(read.problems ?? [{ path: "", message: read.reason }], only.asked);
      this.#outcomes.set(only.delivery.id, { dead: "invalid", reason });
      return [];
    }
    const valid: ValidMail<D>[] = [];
    for (const mail of mails) valid.push(...(await this.#valid([mail], around)));
    return valid;
  }

  async #stored({ asked, message }: ValidMail<D>): Promise<Outcome> {
    const taken = await this.#parts.inbox.take({ messages: [message], repeat: null, memo: "" });
    if (taken.kind === "invalid") {
      const problems = (taken.problems ?? []).map((problem) => ({ path: "", message: problem.message }));
      return { dead: "refused", reason: reasonOf(problems, asked) };
    }
    if (taken.kind === "conflict") throw new Error("a request without a key cannot be in conflict");
    const { added, suppressed } = taken.counts;
    if (added > 0) return { asked, outcome: "accepted" };
    if (suppressed > 0) return { asked, outcome: "suppressed" };
    if (await this.#isRepeat(asked, message.emails)) return { asked, outcome: "duplicate" };
    return { dead: "clash", reason: `uuid ${printable(asked.uuid)} was used for another mail` };
  }

  /** Nobody knows any more what a mail said that was forgotten or pruned: then its uuid alone tells. */
  async #isRepeat(asked: AskedMail, [address = ""]: readonly string[]): Promise<boolean> {
    const { store } = this.#parts;
    const stored = await store.messagesNamed(asked.uuid, MOST_COMPARED);
    if (stored.length === 0) return true;
    const toThem = stored.filter(({ email }) => email.toLowerCase() === address.toLowerCase());
    for (const { id, expiresAt } of toThem) {
      const kept = await store.mailParts(id);
      if (kept === null || asked.isSame({ ...kept, expiresAt })) return true;
    }
    return false;
  }
}

function withMessage<D>({ delivery, asked }: ReadMail<D>, message: AcceptMessage | undefined): ValidMail<D> {
  if (message === undefined) throw new Error("expected one message for each mail that was read");
  message.via = asked.via;
  if (asked.reports !== null) message.reports = asked.reports;
  return { delivery, asked, message };
}
