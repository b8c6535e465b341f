/**
 * Takes the mails of a broker into the store. A delivery is acknowledged when its mail is stored, or kept as a dead letter with the
 * reason why nobody can take it; the others of its batch do not suffer.
 */
import { InterruptedError, LostError, StoppedError, UserError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { Handler, Verdict } from "../../queue/consume.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { AcceptMessage, DeadSource, NewDeadLetter } from "../../store/rows.ts";
import type { DeadLetters, Reader } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import type { RequestInbox } from "../inbox.ts";
import type { Problem } from "../problems.ts";
import { readRequest, type RequestSurroundings } from "../request.ts";
import type { AskedMail, ReadDelivery } from "./asked.ts";

/** Why a delivery is dead: it cannot be read, a posted message would be refused, its topic takes nothing, its uuid belongs to another mail, or ses-mail failed. */
const DEAD_CLASSES = ["unreadable", "invalid", "refused", "clash", "bug"] as const;
type DeadClass = (typeof DEAD_CLASSES)[number];

/** What an inlet did so far, in deliveries. A delivery that was acknowledged in vain and comes again counts as a duplicate. */
export interface InletCounts {
  accepted: number;
  duplicates: number;
  /** Accepted, and not sent, because the address is suppressed. */
  suppressed: number;
  /** Has all classes from the start: who watches a number sees it rise only from a 0 that was there before. */
  dead: Map<DeadClass, number>;
}

/** An inlet that did nothing yet. */
export function noCounts(): InletCounts {
  return { accepted: 0, duplicates: 0, suppressed: 0, dead: new Map(DEAD_CLASSES.map((name) => [name, 0])) };
}

/** A mail that is in the store, with what was done with it now. */
export interface TakenMail {
  asked: AskedMail;
  outcome: "accepted" | "duplicate" | "suppressed";
}

/** What an inlet works with. */
export interface InletParts<D extends Delivery> extends Patience {
  source: DeadSource;
  read: ReadDelivery<D>;
  /** What came beside the body, as it is kept with a dead letter; null: nothing. */
  extrasOf(delivery: D): string | null;
  /** Asked once for each batch. Its clock and zone do not matter: a time that passed while a mail waited in its broker is no mistake. */
  surroundings(): RequestSurroundings;
  inbox: Pick<RequestInbox, "take">;
  store: Pick<DeadLetters, "keepDead"> & Pick<Reader, "messagesNamed" | "mailParts">;
  /** Added to. */
  counts: InletCounts;
  /**
   * Told what is durably stored, before it is acknowledged; also of what comes again. A StoppedError that it rejects with is ignored: who
   * is told must not hold mail up.
   */
  onStored?(taken: readonly TakenMail[]): Promise<void>;
  /** Told each dead letter after it is kept. */
  onDead?(letter: Pick<NewDeadLetter, "source" | "origin" | "reason">): void;
}

type Outcome = TakenMail | { dead: DeadClass; reason: string };

/** A mail that was read, for one address. */
interface ReadMail<D> {
  delivery: D;
  asked: AskedMail;
}

const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 10_000;
/** How many problems a reason names, and how long it may be. */
const MOST_NAMED = 3;
const MOST_REASON = 500;

/** Most bytes that are kept of what nobody can take in. Mail is much smaller, and a job of Redis may have 512 MB. */
const MOST_KEPT = 16 * 1024 * 1024;

/**
 * Makes the handler of an inlet. While the store cannot be reached or written to, it waits and tries again, up to every 10 s; it rejects
 * with InterruptedError when the signal ends that. Rejects with UserError when the gateway has no sender.
 */
export function createInlet<D extends Delivery & { readonly body: Uint8Array }>(parts: InletParts<D>): Handler<D> {
  const { counts, source, extrasOf } = parts;
  const take = createTaking(parts);

  const letterOf = (delivery: D, reason: string): NewDeadLetter => {
    const { id: origin, body } = delivery;
    const extras = extrasOf(delivery);
    if (body.byteLength <= MOST_KEPT) return { source, origin, reason, body, extras };
    return {
      source,
      origin,
      reason: `${reason} (only the first ${MOST_KEPT / 1024 / 1024} MB of ${body.byteLength} bytes are kept)`,
      body: body.subarray(0, MOST_KEPT),
      extras,
    };
  };

  return async (deliveries) => {
    const outcomes = new Map<string, Outcome>();
    await patiently(parts, async () => {
      await take(
        deliveries.filter(({ id }) => !outcomes.has(id)),
        outcomes,
      );
      const taken = [...outcomes.values()].filter((outcome) => "asked" in outcome);
      if (taken.length > 0) await told(parts, taken);
      const dead = deliveries.flatMap((delivery) => {
        const outcome = outcomes.get(delivery.id);
        return outcome !== undefined && "dead" in outcome ? letterOf(delivery, outcome.reason) : [];
      });
      if (dead.length === 0) return;
      await parts.store.keepDead(dead);
      for (const letter of dead) parts.onDead?.(letter);
    });
    return deliveries.map(({ id }) => {
      const outcome = outcomes.get(id) as Outcome;
      count(counts, outcome);
      return verdictOf(outcome);
    });
  };
}

function verdictOf(outcome: Outcome): Verdict {
  return "dead" in outcome ? { kind: "refused", reason: outcome.reason } : { kind: "done" };
}

function count(counts: InletCounts, outcome: Outcome): void {
  if ("dead" in outcome) counts.dead.set(outcome.dead, (counts.dead.get(outcome.dead) ?? 0) + 1);
  else if (outcome.outcome === "accepted") counts.accepted++;
  else if (outcome.outcome === "duplicate") counts.duplicates++;
  else counts.suppressed++;
}

async function told({ onStored }: Pick<InletParts<Delivery>, "onStored">, taken: TakenMail[]): Promise<void> {
  try {
    await onStored?.(taken);
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
  }
}

/** How a handler waits for a store that is away. */
export interface Patience {
  clock: Pick<Clock, "sleep">;
  /** Ends a wait. */
  signal: AbortSignal;
  /** Told why the store or a template's broker cannot be asked, once, while it waits; and null when it goes on. */
  onTrouble?(reason: string | null): void;
}

/**
 * Does the work again until nothing is away any more, up to every 10 s. Rejects with InterruptedError when the signal ends that, and at
 * once with what waiting does not help against.
 */
export async function patiently<T>({ clock, signal, onTrouble }: Patience, work: () => Promise<T>): Promise<T> {
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    try {
      const result = await work();
      if (waitMs > FIRST_WAIT_MS) onTrouble?.(null);
      return result;
    } catch (error) {
      if (!(error instanceof StoppedError) || error instanceof LostError) throw error;
      if (waitMs === FIRST_WAIT_MS) onTrouble?.(error.message);
    }
    await clock.sleep(waitMs, signal);
    if (signal.aborted) throw new InterruptedError();
    waitMs = Math.min(2 * waitMs, LAST_WAIT_MS);
  }
}

/** Makes the work itself: it adds an outcome for each delivery. When it rejects, those that have one already are settled. */
function createTaking<D extends Delivery>(parts: InletParts<D>) {
  type Outcomes = Map<string, Outcome>;

  /** All together; and when that fails for a reason of ours, one by one, so that the one it fails for is found. */
  const take = async (deliveries: readonly D[], outcomes: Outcomes): Promise<void> => {
    const fresh = () => deliveries.filter(({ id }) => !outcomes.has(id));
    try {
      return await takeAll(deliveries, outcomes);
    } catch (error) {
      if (error instanceof StoppedError || error instanceof InterruptedError || error instanceof UserError) throw error;
      const [first] = fresh();
      if (first === undefined) throw error;
      if (deliveries.length === 1) return void outcomes.set(first.id, { dead: "bug", reason: failure(error) });
    }
    for (const delivery of fresh()) await take([delivery], outcomes);
  };

  const takeAll = async (deliveries: readonly D[], outcomes: Outcomes): Promise<void> => {
    const readable: ReadMail<D>[] = [];
    for (const delivery of deliveries) {
      const asked = await parts.read(delivery);
      if (asked.kind === "asked") readable.push({ delivery, asked });
      else outcomes.set(delivery.id, { dead: "unreadable", reason: oneLine(asked.reason) });
    }
    const around = { ...parts.surroundings(), now: 0, zone: null };
    const valid = await readAll(readable, around, outcomes);
    const results = await Promise.allSettled(
      valid.map(async ({ delivery, asked, message }) => {
        outcomes.set(delivery.id, await store(asked, message));
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };

  /** Reads mails as one request, and one by one when something is wrong with that. */
  const readAll = async (
    mails: readonly ReadMail<D>[],
    around: RequestSurroundings,
    outcomes: Outcomes,
  ): Promise<(ReadMail<D> & { message: AcceptMessage })[]> => {
    if (mails.length === 0) return [];
    const read = await readRequest({ messages: mails.map(({ asked }) => asked.message) }, around);
    if (read.kind === "no-sender")
      throw new UserError("an inlet needs the sender of its mails, got none", "give --from or set SES_MAIL_FROM");
    if (read.kind === "messages")
      return mails.map(({ delivery, asked }, index) => {
        const message = read.messages[index] as AcceptMessage;
        if (asked.reports !== null) message.reports = asked.reports;
        return { delivery, asked, message };
      });
    const [only] = mails;
    if (mails.length === 1 && only !== undefined) {
      const reason = reasonOf(read.problems ?? [{ path: "", message: read.reason }], only.asked);
      outcomes.set(only.delivery.id, { dead: "invalid", reason });
      return [];
    }
    const found: (ReadMail<D> & { message: AcceptMessage })[] = [];
    for (const mail of mails) found.push(...(await readAll([mail], around, outcomes)));
    return found;
  };

  const store = async (asked: AskedMail, message: AcceptMessage): Promise<Outcome> => {
    const taken = await parts.inbox.take({ messages: [message], repeat: null, memo: "" });
    if (taken.kind === "invalid") {
      const problems = (taken.problems ?? []).map((problem) => ({ path: "", message: problem.message }));
      return { dead: "refused", reason: reasonOf(problems, asked) };
    }
    if (taken.kind === "conflict") throw new Error("a request without a key cannot be in conflict");
    const { added, suppressed } = taken.counts;
    if (added > 0) return { asked, outcome: "accepted" };
    if (suppressed > 0) return { asked, outcome: "suppressed" };
    if (await isRepeat(asked, message.emails)) return { asked, outcome: "duplicate" };
    return { dead: "clash", reason: `uuid ${printable(asked.uuid)} was used for another mail` };
  };

  /** Nobody knows any more what a mail said that was forgotten or pruned: then its uuid alone tells. */
  const isRepeat = async (asked: AskedMail, [address = ""]: readonly string[]): Promise<boolean> => {
    const stored = await parts.store.messagesNamed(asked.uuid, MOST_COMPARED);
    if (stored.length === 0) return true;
    const toThem = stored.filter(({ email }) => email.toLowerCase() === address.toLowerCase());
    for (const { id, expiresAt } of toThem) {
      const kept = await parts.store.mailParts(id);
      if (kept === null || asked.isSame({ ...kept, expiresAt })) return true;
    }
    return false;
  };

  return take;
}

/** One uuid may stand for the mails to many addresses, which were posted together. */
const MOST_COMPARED = 10_000;

/** What is wrong, in the words of the payload, as one line. */
function reasonOf(problems: readonly Problem[], asked: AskedMail): string {
  const named = problems.slice(0, MOST_NAMED).map(({ path, message }) => {
    const place = asked.placeOf(path.replace(/^messages\[\d+\]\.?/, ""));
    return place === "" ? message : `${place}: ${message}`;
  });
  const more = problems.length - named.length;
  return oneLine(named.join("; ") + (more > 0 ? `; and ${more} more` : ""));
}

function failure(error: unknown): string {
  return oneLine(`ses-mail failed: ${error instanceof Error ? error.message : String(error)}`);
}

function oneLine(text: string): string {
  const line = printable(text.toWellFormed());
  return line.length > MOST_REASON ? `${line.slice(0, MOST_REASON).toWellFormed()}…` : line;
}
